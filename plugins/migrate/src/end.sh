code=$?
[ "$code" -ne 0 ] || : >"$mark.done" || exit 1
exit "$code"
