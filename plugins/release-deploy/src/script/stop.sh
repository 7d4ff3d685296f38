# stop.sh UNITS ADDRESS NGINX
#
# Stops the units. Ready means that none of them runs.

set -u
for unit in $1; do
  said=$(as_root systemctl stop "$unit" 2>&1) || tell said "$said"
done
for unit in $1; do
  state=$(systemctl show --property=ActiveState --value -- "$unit")
  case $state in active | activating | reloading) conclude running "$unit" ;; esac
done
conclude ready ''
