# Sets `now`: seconds of a clock that nobody sets.
seconds() {
  read -r up _ </proc/uptime
  now=${up%%.*}
}
