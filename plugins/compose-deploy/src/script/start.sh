# Starting a release whole, with all its services.

# Waits for its containers. Sets `verdict` and `culprit`.
start_release() { # PROJECT FILE WAIT_SECONDS SETTLE_SECONDS
  unjudged=''
  said=$(compose_release "$1" "$2" up --detach --no-build --remove-orphans 2>&1 </dev/null)
  code=$?
  tell said "$said"
  if [ "$code" -eq 0 ]; then
    watch "$1" "$3" "$4"
    return
  fi
  # Compose gave up by itself, perhaps because of a container that others wait for.
  first=''
  look "$1"
  judge
  [ "$verdict" = failed ] || culprit=''
  verdict=refused
}
