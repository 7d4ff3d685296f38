# status.sh UNITS ADDRESS NGINX WAIT_SECONDS
#
# Waits for the units as they are, and changes nothing.

set -u
for unit in $1; do
  watch "$unit" "$2" "$4"
  [ "$verdict" = ready ] || conclude "$verdict" "$unit"
done
conclude ready ''
