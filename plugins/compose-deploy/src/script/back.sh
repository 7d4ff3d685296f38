# back.sh PROJECT FOLDER FILE WAIT_SECONDS SETTLE_SECONDS PROXY_FILE UPSTREAMS OTHER_PROJECT
#
# Starts an old release again and waits for its containers. Where there are two stacks, the proxy is told then, and the other
# stack is removed; its volumes stay.

set -u
umask 022
enter_release "$2"
start_release "$1" "$3" "$4" "$5"
if [ "$verdict" = ready ] && [ -n "$6" ]; then
  if point_proxy "$6" "$7"; then
    old=$(docker ps -aq --filter "label=com.docker.compose.project=$8")
    if [ -n "$old" ]; then
      drain_proxy
      # shellcheck disable=SC2086 # one word an id
      docker rm --force $old >/dev/null 2>&1
    fi
  else
    tell said "$said"
    verdict=proxy
  fi
fi
tell_containers
[ "$verdict" = ready ]
