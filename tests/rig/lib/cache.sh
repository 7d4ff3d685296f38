# Products that take minutes: built once, found again by a hash of the text that made them.
# shellcheck shell=bash

# A short hash of the given files and folders: their names below each, and their contents.
recipe_hash() {
  local path
  for path in "$@"; do
    echo "${path##*/}"
    (cd "$(dirname "$path")" && find "${path##*/}" -type f -print0 | sort -z | xargs -0 sha256sum)
  done | sha256sum | cut -c 1-16
}

# Makes the product $1 with hash $2 by the command `$3…`, which fills the folder it is handed as
# its last argument. A product is there whole or not at all. Prints its folder.
built() {
  local name=$1 hash=$2 folder fresh
  shift 2
  folder=$RIG_BUILT/$name-$hash
  if [[ ! -d $folder ]]; then
    say "building $name (once; kept in $folder)"
    mkdir -p "$RIG_BUILT" "$RIG_LOGS"
    fresh=$(mktemp -d "$RIG_BUILT/.new-$name-XXXXXX")
    if ! "$@" "$fresh" >"$RIG_LOGS/build-$name.log" 2>&1; then
      rm -rf "$fresh"
      tail -n 20 "$RIG_LOGS/build-$name.log" >&2
      fail "$name could not be built; see $RIG_LOGS/build-$name.log"
    fi
    mv -T "$fresh" "$folder"
  fi
  echo "$folder"
}
