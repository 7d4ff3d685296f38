# The end of scripts about systemd units. Standard output is for the step: `said TEXT`, `log TEXT`, `verdict WORD UNIT`.

# The end of the script, with the last words of the unit that is to blame.
conclude() { # VERDICT UNIT
  printf 'verdict %s %s\n' "$1" "$2"
  [ "$1" != ready ] || exit 0
  [ -z "$2" ] || journalctl --no-pager --quiet --output=cat --lines=20 --unit="$2" 2>/dev/null | sed 's/^/log /'
  exit 1
}
