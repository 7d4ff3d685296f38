# prepare.sh PROJECT FOLDER FILE NAMES [EXECUTABLE…]
#
# Makes a staged release ready before anything is switched: files that are programs may be executed again, the
# environment's entries go into `.env` beside the compose file, and Compose reads the result once.

set -u
umask 077
project=$1 folder=$2 file=$3 names=$4
shift 4
enter_release "$folder"

# So that Compose takes the value as it is: literal in single quotes, or escaped in double quotes where single ones
# cannot hold it.
quoted() { # VALUE
  case $1 in
    *\'* | *\\)
      printf '"'
      printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/\$/$$/g'
      printf '"'
      ;;
    *) printf "'%s'" "$1" ;;
  esac
}

# The author's own `.env` goes first: of two entries, the later one counts.
write_env() {
  marker='# From here on: the entries of the environment, by Sealock.'
  chmod u+w . || return
  rm -f .env.sealock
  {
    [ ! -f .env ] || sed "/^$marker\$/,\$d" .env
    printf '%s\n' "$marker"
    entries "$names"
  } >.env.sealock || return
  chmod 0400 .env.sealock && mv -f .env.sealock .env && chmod a-w .
}

for path; do
  chmod a+x -- "$path" || exit 3
done
if [ -n "$names" ]; then
  write_env || {
    tell said 'the environment entries cannot be written beside the compose file'
    exit 3
  }
fi

said=$(compose_release "$project" "$file" config --quiet 2>&1 </dev/null)
code=$?
tell said "$said"
exit "$code"
