# unrestore.sh DATABASE SERVICE USER KEY

before=${database}_before_restore
[ "$(comment_of "$database")" = "sealock $key" ] || exit 0
[ -n "$(sql "select 1 from pg_database where datname = '$before'")" ] || give_up "$before is not there any more"
other=${database}_restored
must dropdb --if-exists "$other"
said=$(close_database "$database") || give_up "$said"
said=$(sql "begin; alter database $database rename to $other; alter database $before rename to $database; commit") || {
  open_database "$database"
  give_up "$said"
}
must dropdb --if-exists "$other"
printf 'found %s\n' "$database"
