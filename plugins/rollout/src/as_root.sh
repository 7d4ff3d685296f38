# As root: directly, or by `sudo` without a question.
as_root() { # PROGRAM [ARGUMENT…]
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}
