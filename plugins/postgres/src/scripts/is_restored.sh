# is_restored.sh DATABASE SERVICE USER KEY

[ "$(comment_of "$database")" != "sealock $key" ] || printf 'found %s\n' "$database"
