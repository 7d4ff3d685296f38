# up.sh PROJECT FOLDER FILE WAIT_SECONDS SETTLE_SECONDS SERVICES LIMIT
#
# Starts a release and waits for its containers. The replicas of SERVICES (`NAME=IMAGE`, a line each) are exchanged one after
# the other first; with a LIMIT only so many of them, and nothing else.

set -u
limit=$7
enter_release "$2"

stop_here() {
  tell said "$said"
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
start_release "$1" "$3" "$4" "$5"
tell_containers
[ "$verdict" = ready ]
