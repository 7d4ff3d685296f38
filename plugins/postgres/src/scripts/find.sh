# find.sh DATABASE SERVICE USER KEY

for file in "$folder"/*-"$key".dump; do
  [ ! -f "$file" ] || printf 'found %s\n' "${file##*/}"
done
