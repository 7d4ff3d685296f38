#!/usr/bin/env bash
# Starts PostgreSQL as the official image does: makes the cluster, the user, and the database on
# the first start, runs /docker-entrypoint-initdb.d, then serves.
set -euo pipefail

# The value of variable $1, or of the file that $1_FILE names, or $2.
setting() {
  local file=$1_FILE
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else echo "${!1:-${2:-}}"; fi
}

drop_root() {
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 0700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

require_password() {
  [[ -n $password || $method == trust ]] && return
  echo "Error: Database is uninitialized and superuser password is not specified." >&2
  echo "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser." >&2
  exit 1
}

make_cluster() {
  # shellcheck disable=SC2086 # a list of arguments
  initdb --username="$user" --pwfile=<(echo "$password") ${POSTGRES_INITDB_ARGS:-}
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
  printf "%s = '%s'\n" listen_addresses '*' unix_socket_directories /var/run/postgresql \
    >>"$PGDATA/postgresql.conf"
}

make_database() {
  [[ $database == postgres ]] ||
    as_user --dbname postgres --set db="$database" <<<'CREATE DATABASE :"db";'
}

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    # shellcheck source=/dev/null
    case $file in
    *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
    *.sql) as_user --dbname "$database" --file "$file" ;;
    *.sql.gz) gunzip -c "$file" | as_user --dbname "$database" ;;
    esac
  done
}

as_user() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" --no-password "$@"; }

initialise() {
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD)
  database=$(setting POSTGRES_DB "$user")
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  require_password
  make_cluster
  export PGPASSWORD=$password
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
  make_database
  run_init_files
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
}

[[ ${1:-} != -* ]] || set -- postgres "$@"
if [[ $1 == postgres ]]; then
  [[ $(id -u) != 0 ]] || drop_root "$@"
  [[ -s $PGDATA/PG_VERSION ]] || initialise
fi
exec "$@"
