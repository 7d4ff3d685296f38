# What a person reads. Everything goes to standard error: standard output carries the environment.
# shellcheck shell=bash

say() { printf 'rig: %s\n' "$*" >&2; }

# Stops with exit code 1.
fail() {
  say "error: $*"
  exit 1
}

# Stops with exit code 2: something is missing that only the person at this machine can change.
refuse() {
  say "error: $1"
  shift
  printf 'rig:   %s\n' "$@" >&2
  exit 2
}
