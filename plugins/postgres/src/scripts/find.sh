# find.sh DATABASE SERVICE USER KEY

folder=shared/backups/$database
for file in "$folder"/*-"$key".dump; do
  [ ! -f "$file" ] || printf 'found %s\n' "${file##*/}"
done
