# restore.sh DATABASE SERVICE USER KEY BACKUP

before=${database}_before_restore
folder=shared/backups/$database
name=$5
new=${database}_restored
[ "$(comment_of "$database")" != "sealock $key" ] || {
  printf 'found %s\n' "$name"
  exit 0
}
if [ -n "$name" ]; then
  file=$folder/$name
else
  file=$(find "$folder" -name '*.dump' 2>/dev/null | sort | tail -n 1)
fi
[ -f "$file" ] || give_up "there is no backup ${name:-at all} in $folder; there is: $(find "$folder" -name '*.dump' 2>/dev/null | sed 's/.*\///' | sort | tr '\n' ' ')"
must dropdb --if-exists "$new"
must createdb "$new"
said=$(pg pg_restore --exit-on-error --no-owner --dbname "$new" <"$file" 2>&1) || {
  pg dropdb --if-exists "$new" >/dev/null 2>&1 </dev/null
  give_up "$said"
}
said=$(sql "comment on database $new is 'sealock $key'") || give_up "$said"
must dropdb --if-exists "$before"
said=$(close_database "$database") || give_up "$said"
# One transaction: one name is never without a database.
said=$(sql "begin; alter database $database rename to $before; alter database $new rename to $database; commit") || {
  open_database "$database"
  give_up "$said"
}
open_database "$before"
printf 'told what was in %s before is in %s until the next restore\n' "$database" "$before"
printf 'found %s\n' "${file##*/}"
