#!/usr/bin/env bash
# What the action does: finds a sealock that may be run, and becomes it.
#
# - Nothing is run that was not built here, named by the caller, or found in checksums.txt by its SHA-256.
# - What the caller gives comes by the environment and is never read as a program.
# - Nothing that is started before Sealock, a build least of all, finds the secrets in its environment.
# - Exit codes are Sealock's own: 2 the request is wrong, 5 integrity, 6 something outside failed.
set -euo pipefail

ACTION=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TABLE=$ACTION/action/checksums.txt
RELEASES=https://github.com/sealock/sealock/releases/download

# One line for the log and the page of the run; `%`, and what ends a line, as GitHub wants them.
fail() {
  local code=$1 text=$2
  text=${text//'%'/'%25'}
  text=${text//$'\r'/'%0D'}
  text=${text//$'\n'/'%0A'}
  printf '::error title=sealock::%s\n' "$text"
  exit "$code"
}

binary_given() {
  [[ -f $1 && -x $1 && $1 != *$'\n'* ]] || fail 2 "\`binary\`: $1 is not there, or is no program"
  binary=$(cd "$(dirname "$1")" && pwd)/${1##*/}
}

# From the very commit of this action, which the caller chose.
binary_built() {
  command -v cargo >/dev/null || fail 2 "\`version: source\` needs Rust: https://rustup.rs"
  local target=${CARGO_TARGET_DIR:-${RUNNER_TOOL_CACHE:-$HOME/.cache}/sealock/source}
  printf '::group::sealock from source\n'
  # From its own folder: rust-toolchain.toml is looked for from there.
  (cd "$ACTION" && CARGO_TARGET_DIR=$target cargo build --release --locked --package sealock-cli) ||
    fail 6 'sealock could not be built from source'
  printf '::endgroup::\n'
  binary=$target/release/sealock
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# The line of version $1 (the last version without it) and system $2, as "VERSION SHA256".
table_line() {
  awk -v version="$1" -v kind="$2" '
    !/^#/ && NF == 3 && $2 == kind && (version == "" || $1 == version) { found = $1 " " $3 }
    END { print found }' "$TABLE"
}

binary_released() {
  local wanted=$1 system line version sum folder archive
  case $wanted in *[!0-9A-Za-z.+-]*) fail 2 "\`version\`: $wanted is no version" ;; esac
  system=$(tr '[:upper:]' '[:lower:]' <<<"${RUNNER_OS:-unknown}-${RUNNER_ARCH:-unknown}")
  line=$(table_line "${wanted#v}" "$system")
  [[ $line ]] || fail 2 "action/checksums.txt has no ${wanted:-release of Sealock} for $system, and nothing unverified is run: \
give another \`version\`, \`version: source\`, or a \`binary\` that is there already"
  read -r version sum <<<"$line"
  folder=${RUNNER_TOOL_CACHE:-$HOME/.cache}/sealock
  archive=$folder/sealock-$version-$system.tar.gz
  mkdir -p "$folder"
  # One that is kept is looked at again each time: others may write where tools are kept.
  if [[ ! -f $archive || $(sha256 "$archive") != "$sum" ]]; then
    fetched=$(mktemp "$folder/.fetched-XXXXXX")
    trap 'rm -f "$fetched"' EXIT
    curl --fail --silent --show-error --location --proto '=https' --retry 3 --max-time 300 --output "$fetched" \
      "$RELEASES/v$version/${archive##*/}" || fail 6 "sealock $version for $system could not be downloaded"
    [[ $(sha256 "$fetched") == "$sum" ]] ||
      fail 5 "what was downloaded as sealock $version for $system is not what action/checksums.txt says: nothing was run"
    mv -f "$fetched" "$archive"
    trap - EXIT
  fi
  folder=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/sealock-XXXXXX")
  # Unpacked from the bytes that are looked at, not from a file that somebody may change meanwhile.
  cp "$archive" "$folder/archive"
  [[ $(sha256 "$folder/archive") == "$sum" ]] || fail 5 "$archive changed while it was read: nothing was run"
  tar -xzf "$folder/archive" -C "$folder" sealock || fail 5 "$archive holds no \`sealock\`"
  rm -f "$folder/archive"
  binary=$folder/sealock
}

# The arguments of `sealock run`, in `arguments`.
arguments_read() {
  local line words
  arguments=(run --format github --triggered)
  case ${INPUT_RESUME:-false} in
    true) arguments+=(--resume) ;;
    false) ;;
    *) fail 2 "\`resume\`: $INPUT_RESUME is neither true nor false" ;;
  esac
  [[ -z ${INPUT_STATE:-} ]] || arguments+=("--state=$INPUT_STATE")
  [[ -z ${INPUT_STAGE:-} ]] || arguments+=("--stage=$INPUT_STAGE")
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    line=${line%$'\r'}
    [[ -z $line ]] || arguments+=("--input=$line")
  done <<<"${INPUT_INPUTS:-}"
  if [[ ${INPUT_ARGS:-} == *[![:space:]]* ]]; then
    # xargs reads quotes as a shell does, and expands nothing.
    words=$(xargs printf '%s\n' <<<"$INPUT_ARGS" 2>/dev/null) || fail 2 "\`args\`: a quote is not closed"
    while IFS= read -r line; do arguments+=("$line"); done <<<"$words"
  fi
  # After `--`: a name that starts with `-` is no option.
  [[ -z ${INPUT_PIPELINE:-} ]] || arguments+=(-- "$INPUT_PIPELINE")
}

main() {
  local binary arguments fetched
  # Kept in this shell alone, until it becomes Sealock.
  export -n SEALOCK_SECRETS
  case ${INPUT_BINARY:-}:${INPUT_VERSION:-} in
    ?*:*) binary_given "$INPUT_BINARY" ;;
    :source) binary_built ;;
    :*) binary_released "${INPUT_VERSION:-}" ;;
  esac
  arguments_read
  cd "${INPUT_WORKING_DIRECTORY:-.}" 2>/dev/null || fail 2 "\`working-directory\`: $INPUT_WORKING_DIRECTORY is not there"
  [[ -z ${GITHUB_OUTPUT:-} ]] || printf 'binary=%s\n' "$binary" >>"$GITHUB_OUTPUT"
  unset INPUT_PIPELINE INPUT_STAGE INPUT_INPUTS INPUT_VERSION INPUT_BINARY INPUT_WORKING_DIRECTORY INPUT_RESUME INPUT_STATE INPUT_ARGS
  [[ -z ${SEALOCK_SECRETS:-} ]] || export SEALOCK_SECRETS
  exec "$binary" "${arguments[@]}"
}

main
