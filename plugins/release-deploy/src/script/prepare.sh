# prepare.sh UNITS ADDRESS NGINX DIRECTORY NAMES [SHARED…], in the release folder
#
# Makes a staged release ready before anything is switched, and finds out what would stop the rest: a unit that is not
# there, something that sudo does not let, a program that is missing.

set -u
umask 077
units=$1 address=$2 nginx=$3 directory=$4 names=$5
shift 5

give_up() { # TEXT
  tell said "$1"
  exit 3
}

need() { # PROGRAM…
  for program; do
    command -v "$program" >/dev/null 2>&1 && return
  done
  give_up "there is no $1 on this target"
}

# Whether a command would be let run as root: a line to tell, where it would not.
may() { # PROGRAM [ARGUMENT…]
  [ "$(id -u)" -ne 0 ] || return 0
  sudo -n -l "$@" >/dev/null 2>&1 && return
  program=$(command -v "$1") || program=$1
  shift
  printf 'sudo %s ALL=(root) NOPASSWD: %s %s\n' "$(id -un)" "$program" "$*"
  return 1
}

# As systemd, and shells, read it: literal in single quotes, or escaped in double quotes where those cannot hold it.
quoted() { # VALUE
  case $1 in
    *\'*)
      printf '"'
      printf '%s' "$1" | sed 's/[\\"`$]/\\&/g'
      printf '"'
      ;;
    *) printf "'%s'" "$1" ;;
  esac
}

write_env() {
  rm -f .env.sealock
  entries "$names" >.env.sealock || return
  chmod 0400 .env.sealock && mv -f .env.sealock .env
}

# A folder of `shared/`, under the same name in the release.
link_shared() { # PATH
  (umask 022 && mkdir -p -- "$directory/shared/$1") || return
  case $1 in */*) chmod u+w "${1%/*}" 2>/dev/null || mkdir -p -- "${1%/*}" || return ;; esac
  ln -sfn -- "$directory/shared/$1" "$1" || return
  case $1 in */*) chmod a-w "${1%/*}" ;; esac
}

check_target() {
  [ -z "$units" ] || need systemctl
  [ "$nginx" = no ] || need nginx
  [ -z "$address" ] || need curl wget
  refused=''
  for unit in $units; do
    load=$(systemctl show --property=LoadState --value -- "$unit" 2>&1)
    [ "$load" = loaded ] || give_up "systemd has no unit $unit here ($load)"
    may systemctl reload-or-restart "$unit" || refused=yes
    may systemctl stop "$unit" || refused=yes
  done
  if [ "$nginx" = yes ]; then
    may nginx -t || refused=yes
    may systemctl reload nginx || refused=yes
  fi
  [ -z "$refused" ] || exit 4
}

PATH=$PATH:/usr/sbin:/sbin
check_target
chmod u+w . || give_up 'the release folder cannot be written'
for path; do
  [ ! -e "$path" ] || [ -L "$path" ] || give_up "the release has a $path of its own, which is to be shared"
  link_shared "$path" || give_up "$path cannot be linked to shared/$path"
done
[ -z "$names" ] || write_env || give_up 'the environment entries cannot be written into .env'
chmod u-w .
