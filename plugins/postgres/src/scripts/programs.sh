# PostgreSQL's programs: those of a container of a Compose service of this environment, or those of the target. Started in the
# environment's directory; all scripts have the arguments DATABASE SERVICE USER first.

set -u
umask 077
database=$1 service=$2 user=$3 key=$4
# As the directory is named by those who put it into labels.
directory=$(pwd -P)
export PGCONNECT_TIMEOUT=10

give_up() { # TEXT
  tell said "$1"
  exit 1
}

# Sets `container`: the one of the service that belongs to this environment.
find_container() {
  container=''
  [ -n "$service" ] || return 0
  all=$(docker ps --no-trunc --filter "label=com.docker.compose.service=$service" \
    --format '{{.ID}} {{.Label "com.docker.compose.project.working_dir"}}' 2>&1) || give_up "$all"
  while read -r id place; do
    case $place in
      "$directory"/* | "$PWD"/*)
        [ -z "$container" ] || give_up "there is more than one container of the service $service"
        container=$id
        ;;
    esac
  done <<ALL
$all
ALL
  [ -n "$container" ] || give_up "no container of the service $service runs here"
}

pg() { # PROGRAM [ARGUMENT…]
  program=$1
  shift
  [ -z "$user" ] || set -- --username "$user" "$@"
  if [ -n "$container" ]; then
    docker exec --interactive --env PGPASSWORD --env PGCONNECT_TIMEOUT "$container" "$program" --no-password "$@"
  else
    "$program" --no-password "$@"
  fi
}

# Runs a program; when it fails, its words are told and the script ends.
must() { # PROGRAM [ARGUMENT…]
  said=$(pg "$@" 2>&1 </dev/null) || give_up "$said"
}

find_container
