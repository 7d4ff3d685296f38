#!/bin/sh
# A stand-in for docker and Compose over the folder $REPLICAS: one service, `web`. A replica is a file of containers/,
# called by its number, with its image in it; `bad` names an image that never gets healthy.
cd "$REPLICAS" || exit 1

start() { # IMAGE
  number=$(($(cat last) + 1))
  echo "$number" >last
  echo "$1" >"containers/$number"
  echo "start $number $1" >>calls
}

remove() { # NUMBER
  rm "containers/$1"
  echo "remove $1" >>calls
}

describe() { # NUMBER
  image=$(cat "containers/$1") health=healthy
  [ "$image" != "$(cat bad)" ] || health=unhealthy
  echo "/p-$1 web running $health 0 0 policy=always 2026-11-21T03:00:00Z $1 $image"
}

# Each replica that another image is wanted for, unless it is told not to; then as many as are wanted.
up() { # IMAGE KEPT COUNT
  for old in containers/*; do
    if [ "$2" = no ] && [ "$(cat "$old")" != "$1" ]; then
      remove "${old#containers/}"
    fi
  done
  while [ "$(find containers -type f | wc -l)" -lt "$3" ]; do start "$1"; done
}

case $1 in
ps) find containers -type f | sed 's,containers/,,' | sort -rn ;;
inspect)
  format=$3
  shift 3
  for id; do
    case $format in
    '{{.Config.Image}}') cat "containers/$id" ;;
    '{{.Name}}'*) describe "$id" ;;
    esac
  done
  ;;
stop) ;;
rm) remove "$2" ;;
logs) echo boom ;;
compose)
  # What else Compose is asked is about the file.
  case " $* " in *" up "*) ;; *) exit 0 ;; esac
  kept=no count=$(cat wanted)
  for word; do
    case $word in
    --no-recreate) kept=yes ;;
    web=*) count=${word#web=} ;;
    esac
  done
  up "$(sed -n 's/^ *image: //p' "$RELEASE/sealock.override.yml")" "$kept" "$count"
  ;;
esac
