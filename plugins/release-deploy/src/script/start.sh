# start.sh UNITS ADDRESS NGINX WAIT_SECONDS together|one-by-one
#
# Starts what `current` names: nginx is asked first, so that a bad configuration stops nothing that runs.

set -u
units=$1 address=$2 nginx=$3 wait=$4 order=$5
PATH=$PATH:/usr/sbin:/sbin

restart() { # UNIT
  said=$(as_root systemctl reload-or-restart "$1" 2>&1) && return
  tell said "$said"
  conclude refused "$1"
}

await() { # UNIT
  watch "$1" "$address" "$wait"
  [ "$verdict" = ready ] || conclude "$verdict" "$1"
}

if [ "$nginx" = yes ]; then
  said=$(as_root nginx -t 2>&1) || {
    tell said "$said"
    conclude nginx ''
  }
fi
for unit in $units; do
  restart "$unit"
  [ "$order" = together ] || await "$unit"
done
if [ "$nginx" = yes ]; then
  said=$(as_root systemctl reload nginx 2>&1) || {
    tell said "$said"
    conclude refused nginx.service
  }
fi
for unit in $units; do
  [ "$order" != together ] || await "$unit"
done
conclude ready ''
