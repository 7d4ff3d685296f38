# up.sh PROJECT FOLDER FILE WAIT_SECONDS SETTLE_SECONDS SERVICES LIMIT
#
# Starts a release and waits for its containers. The replicas of SERVICES (`NAME=IMAGE`, a line each) are exchanged one after
# the other first; with a LIMIT only so many of them, and nothing else.

set -u
limit=$7
enter_release "$2"

tell_said() {
  [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/said /'
}

stop_here() {
  tell_said
  tell_containers
  exit 1
}

# Read from a file, so that `roll_service` may end the script; the release folder may not be written.
said='' verdict=ready culprit='' seen='' unjudged=''
while IFS='=' read -r service image <&6; do
  [ -n "$service" ] || continue
  roll_service "$1" "$3" "$service" "$image" "$4" "$5" || stop_here
done 6<<SERVICES
$6
SERVICES
if [ -n "$limit" ]; then
  look "$1"
  tell_containers
  exit 0
fi
unjudged=''
said=$(compose_release "$1" "$3" up --detach --no-build --remove-orphans 2>&1 </dev/null)
code=$?
tell_said
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
tell_containers
[ "$verdict" = ready ]
