code=$?
[ "$code" -ne 0 ] || echo 'done' | dd of="$mark.done" conv=fsync 2>/dev/null || exit 1
exit "$code"
