# Watching the containers of a project. Standard output is for the step: `container …` for each of them, then
# `verdict WORD NAME`, and, of the container to blame, `check TEXT` (its health check) and `log TEXT`.

# Sets `seen`, a line for each container: name, service, state, health, restarts, exit code, policy, start, id, image;
# and `whole`, unless one of them could not be looked at: it may have gone since, or it may be the one that failed. Those
# in `unjudged` are left out.
look() { # PROJECT
  seen='' whole=yes
  ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$1" \
    --filter label=com.docker.compose.oneoff=False) || return
  kept=''
  for id in $ids; do
    case $unjudged in *" $id "*) ;; *) kept="$kept $id" ;; esac
  done
  ids=${kept# }
  [ -n "$ids" ] || return 0
  # shellcheck disable=SC2086 # one word an id
  seen=$(docker inspect --format '{{.Name}} {{index .Config.Labels "com.docker.compose.service"}} '\
'{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.RestartCount}} '\
'{{.State.ExitCode}} policy={{.HostConfig.RestartPolicy.Name}} {{.State.StartedAt}} {{.ID}} {{.Config.Image}}' \
    $ids 2>/dev/null) || whole=
  return 0
}

# Sets `verdict` to ready, settling, waiting, or failed, and `culprit` to the container to look at. `first` holds how
# often each container had been restarted when it was seen first.
judge() {
  verdict=ready culprit=
  if [ -z "$seen" ] || [ -z "$whole" ]; then
    verdict=waiting
  fi
  while read -r name _ state health restarts code policy _ id _; do
    [ -n "$name" ] || continue
    case $first in
      *"$id $restarts;"*) ;;
      *"$id "*) state=restarting ;;
      *) first="$first$id $restarts;" ;;
    esac
    case $state.$health.$code.$policy in
      restarting.* | dead.* | running.unhealthy.*) verdict=failed culprit=${name#/} && return ;;
      running.healthy.*) ;;
      running.none.*) [ "$verdict" = waiting ] || verdict=settling ;;
      exited.*.0.policy= | exited.*.0.policy=no | exited.*.0.policy=on-failure) ;;
      exited.*.policy= | exited.*.policy=no) verdict=failed culprit=${name#/} && return ;;
      *) verdict=waiting culprit=${name#/} ;;
    esac
  done <<LINES
$seen
LINES
}

# Until everything is ready, something has failed, or the time is over. Containers without a health check have to
# run for a while without a change.
watch() { # PROJECT WAIT_SECONDS SETTLE_SECONDS
  seconds
  end=$((now + $2)) since=$now before='' first=''
  while :; do
    look "$1" || { verdict=failed culprit='' && return; }
    judge
    seconds
    [ "$seen" = "$before" ] || since=$now
    before=$seen
    [ "$verdict" != settling ] || [ $((now - since)) -lt "$3" ] || verdict=ready
    case $verdict in ready | failed) return ;; esac
    [ "$now" -lt "$end" ] || { verdict=late && return; }
    sleep 0.3 2>/dev/null || sleep 1
  done
}

tell_containers() {
  [ -z "$seen" ] || printf '%s\n' "$seen" | sed 's/^/container /'
  printf 'verdict %s %s\n' "$verdict" "$culprit"
  if [ "$verdict" = ready ] || [ -z "$culprit" ]; then
    return
  fi
  docker inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{println .ExitCode .Output}}{{end}}{{end}}' \
    "$culprit" 2>/dev/null | tail -n 3 | sed 's/^/check /'
  docker logs --tail 20 "$culprit" 2>&1 | sed 's/^/log /'
}
