# switch.sh PROJECT FOLDER FILE PROXY_FILE UPSTREAMS OTHER_PROJECT
#
# Tells the proxy to send the world to this stack.

set -u
umask 022
verdict=ready
point_proxy "$4" "$5" || {
  tell said "$said"
  verdict=proxy
}
printf 'verdict %s \n' "$verdict"
[ "$verdict" = ready ]
