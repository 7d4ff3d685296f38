# Waiting for systemd units.

# A unit without a health address has to run for so long without a change.
SETTLE_SECONDS=3
# A unit with one has to answer so often in a row.
PASSES=2

# Sets `url`: the health address of a unit.
set_url() { # ADDRESS UNIT
  url=$1 instance=''
  case $2 in *@*) instance=${2#*@} instance=${instance%.service} ;; esac
  while :; do
    case $url in *%i*) url=${url%%\%i*}$instance${url#*\%i} ;; *) return ;; esac
  done
}

fetch() { # URL
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --max-time 5 --output /dev/null -- "$1"
  else
    wget -q -T 5 -O /dev/null -- "$1"
  fi
}

# Sets `state` (active, failed, …) and `restarts`.
look() { # UNIT
  state='' restarts=0
  while IFS='=' read -r name value; do
    case $name in
      ActiveState) state=$value ;;
      NRestarts) restarts=$value ;;
    esac
  done <<LINES
$(systemctl show --property=ActiveState --property=NRestarts -- "$1" 2>&1)
LINES
}

# Until the unit runs and answers, has failed, or the time is over. Sets `verdict`.
watch() { # UNIT ADDRESS WAIT_SECONDS
  set_url "$2" "$1"
  seconds
  end=$((now + $3)) since=$now passes=0 first=''
  verdict=late
  while :; do
    look "$1"
    seconds
    case $state in
      active)
        if [ -z "$url" ]; then
          [ $((now - since)) -lt "$SETTLE_SECONDS" ] || { verdict=ready && return; }
        elif fetch "$url"; then
          passes=$((passes + 1))
          [ "$passes" -lt "$PASSES" ] || { verdict=ready && return; }
        else
          passes=0 verdict=silent
        fi
        ;;
      failed) verdict=failed && return ;;
      *) since=$now passes=0 verdict=late ;;
    esac
    : "${first:=$restarts}"
    [ "$restarts" -le $((first + 1)) ] || { verdict=restarting && return; }
    [ "$now" -lt "$end" ] || return
    sleep 0.3 2>/dev/null || sleep 1
  done
}
