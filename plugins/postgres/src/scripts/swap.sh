# Databases that take each other's place, by renaming. A database that was restored says by which key, in its comment.

sql() { # STATEMENTS; in the database that is always there
  pg psql --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname postgres --command "$1" 2>&1 </dev/null
}

comment_of() { # DATABASE
  sql "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = '$1'"
}

# Nobody may be connected to a database that is renamed, and nobody may come back in between.
close_database() { # DATABASE
  sql "alter database $1 allow_connections false" >/dev/null &&
    sql "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$1' and pid <> pg_backend_pid()" >/dev/null
}

open_database() { # DATABASE
  sql "alter database $1 allow_connections true" >/dev/null
}
