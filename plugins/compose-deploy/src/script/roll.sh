# Exchanging the replicas of a service one after the other.

is_new() { # CONTAINER IMAGE
  [ "$(docker inspect --format '{{.Config.Image}}' "$1" 2>/dev/null)" = "$2" ]
}

# At most `limit` replicas, when that is not empty. What is left of the old release is not judged: it may be what is bad.
roll_service() { # PROJECT FILE SERVICE IMAGE WAIT_SECONDS SETTLE_SECONDS
  old=$(docker ps -q --no-trunc --filter "label=com.docker.compose.project=$1" \
    --filter "label=com.docker.compose.service=$3" --filter label=com.docker.compose.oneoff=False)
  count=$(printf '%s' "$old" | grep -c .)
  # A single replica is exchanged by Compose, unless it is to be exchanged alone.
  [ "$count" -ge 2 ] || [ -n "$limit" ] || return 0
  unjudged=" $(printf '%s' "$old" | tr '\n' ' ') "
  for id in $old; do
    [ "$limit" != 0 ] || return 0
    ! is_new "$id" "$4" || continue
    docker stop "$id" >/dev/null 2>&1 && docker rm "$id" >/dev/null 2>&1
    said=$(compose_release "$1" "$2" up --detach --no-build --no-deps --no-recreate --scale "$3=$count" "$3" 2>&1 </dev/null) || {
      verdict=refused culprit=''
      return 1
    }
    watch "$1" "$5" "$6"
    [ "$verdict" = ready ] || return 1
    [ -z "$limit" ] || limit=$((limit - 1))
  done
}
