# What the scripts share. Values come as arguments and environment; nothing is ever pasted in.

# Compose 2 or 1, whichever the target has.
compose() {
  if [ -n "${SEALOCK_TARGET-}" ]; then
    sh "$SEALOCK_TARGET" --compose "$@"
  else
    docker compose "$@"
  fi
}

# The author's file and the override beside it.
compose_release() { # PROJECT FILE [ARGUMENT…]
  project=$1 file=$2
  shift 2
  compose -p "$project" -f "$file" -f sealock.override.yml "$@"
}

enter_release() { # FOLDER
  cd -- "$1" || {
    tell said "the release folder $1 is not there"
    exit 3
  }
}
