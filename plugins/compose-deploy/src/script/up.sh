# up.sh PROJECT FOLDER FILE WAIT_SECONDS SETTLE_SECONDS
#
# Starts a release and waits for its containers.

set -u
enter_release "$2"
said=$(compose_release "$1" "$3" up --detach --no-build --remove-orphans 2>&1 </dev/null)
code=$?
[ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/said /'
if [ "$code" -eq 0 ]; then
  watch "$1" "$4" "$5"
else
  # Compose gave up by itself, perhaps because of a container that others wait for.
  first=''
  look "$1"
  judge
  [ "$verdict" = failed ] || culprit=''
  verdict=refused
fi
tell
[ "$verdict" = ready ]
