# status.sh PROJECT WAIT_SECONDS SETTLE_SECONDS [PROXY_FILE RELEASE]
#
# Waits for the containers that are there, looks at where the proxy sends, and changes nothing.

set -u
unjudged=''
watch "$1" "$2" "$3"
if [ "$verdict" = ready ] && [ -n "${4-}" ]; then
  read -r line <"$4" || line='nothing'
  [ "$line" = "# Written by Sealock: $5." ] || {
    printf 'said %s says: %s\n' "$4" "$line"
    verdict=proxy
  }
fi
tell_containers
[ "$verdict" = ready ]
