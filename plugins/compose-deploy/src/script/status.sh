# status.sh PROJECT WAIT_SECONDS SETTLE_SECONDS
#
# Waits for the containers that are there, and changes nothing.

set -u
watch "$1" "$2" "$3"
tell
[ "$verdict" = ready ]
