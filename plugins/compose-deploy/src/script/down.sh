# down.sh PROJECT FOLDER FILE
#
# Stops and removes the containers and networks of a release; its volumes stay. Ready means that nothing is left.

set -u
if cd -- "$2" 2>/dev/null; then
  said=$(compose_release "$1" "$3" down --remove-orphans 2>&1 </dev/null)
  tell said "$said"
fi
verdict=failed culprit='' unjudged=''
look "$1" && [ -z "$ids" ] && verdict=ready
tell_containers
[ "$verdict" = ready ]
