# back_up.sh DATABASE SERVICE USER KEY KEEP

folder=shared/backups/$database
keep=$5
scratch=${database}_verify

tell_backup() { # FILE TABLES
  printf 'backup %s %s %s\n' "${1##*/}" "$(wc -c <"$1" | tr -d ' ')" "$2"
}

# Empty, or the number of tables whose rows are in a dump.
count_tables() { # FILE
  pg pg_restore --list <"$1" 2>/dev/null | grep -c ' TABLE DATA '
}

# What is in the dump has to come back: in a database of its own, which is gone afterwards.
verify() { # FILE
  must dropdb --if-exists "$scratch"
  must createdb "$scratch"
  said=$(pg pg_restore --exit-on-error --no-owner --no-privileges --dbname "$scratch" <"$1" 2>&1)
  code=$?
  restored=$(pg psql --quiet --tuples-only --no-align --dbname "$scratch" --command \
    "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')" \
    2>/dev/null </dev/null)
  pg dropdb --if-exists "$scratch" >/dev/null 2>&1 </dev/null
  [ "$code" -eq 0 ] || give_up "the dump does not come back: $said"
  [ "$restored" = "$tables" ] || give_up "the dump has $tables tables, and $restored came back"
}

# The oldest go; names begin with their time.
remove_old() {
  count=0
  for old in $(find "$folder" -name '*.dump' | sort -r); do
    count=$((count + 1))
    [ "$count" -le "$keep" ] || rm -f -- "$old"
  done
}

mkdir -p "$folder" || give_up "cannot make $folder"
for file in "$folder"/*-"$key".dump; do
  [ ! -s "$file" ] || { tell_backup "$file" "$(count_tables "$file")" && exit 0; }
done
file=$folder/$(date -u +%Y%m%dT%H%M%SZ)-$key.dump
said=$(pg pg_dump --format=custom --dbname "$database" 2>&1 >"$file.new" </dev/null) || {
  rm -f "$file.new"
  give_up "$said"
}
tables=$(count_tables "$file.new")
[ -s "$file.new" ] || give_up 'the dump is empty'
verify "$file.new"
# On the disk before it has its name.
said=$(dd if=/dev/null of="$file.new" conv=notrunc,fsync 2>&1) || give_up "$said"
mv -f "$file.new" "$file" || give_up "cannot write $file"
remove_old
find "$folder" -name '*.dump.new' -mtime +1 -exec rm -f {} +
tell_backup "$file" "$tables"
