# The long-running programs of the rig: started detached, found again and stopped by recorded pid.
#
# A pid is recorded with the time its process started, so that after a restart of the machine
# nobody else's process is taken for ours.
# shellcheck shell=bash

# Starts the command `$2…` as the process named $1, free of our terminal, pipes, and lock.
process_start() {
  local name=$1 pid
  shift
  mkdir -p "$RIG_STATE/run" "$RIG_LOGS"
  setsid "$@" </dev/null >>"$RIG_LOGS/$name.log" 2>&1 9>&- &
  pid=$!
  disown "$pid"
  echo "$pid $(process_birth "$pid")" >"$RIG_STATE/run/$name"
}

# The start time of process $1 in clock ticks since boot; nothing when there is no such process.
process_birth() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The name in the second field may hold spaces: count fields after its closing parenthesis.
  read -ra fields <<<"${stat##*) }"
  # A process that is dead and only not yet waited for counts as gone.
  [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

# The recorded pid of the process named $1, if it still runs.
process_pid() {
  local pid birth
  read -r pid birth 2>/dev/null <"$RIG_STATE/run/$1" || return 1
  [[ -n $birth && $(process_birth "$pid") == "$birth" ]] || return 1
  echo "$pid"
}

process_runs() { process_pid "$1" >/dev/null; }

# Asks the process named $1 to end, and ends it after $2 seconds.
process_stop() {
  local name=$1 patience_s=$2 pid
  if pid=$(process_pid "$name"); then
    kill -TERM "$pid" 2>/dev/null || true
    if ! poll "$patience_s" process_gone "$name"; then
      say "$name did not end within $patience_s s and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      poll 5 process_gone "$name" || fail "$name (pid $pid) cannot be killed"
    fi
  fi
  rm -f "$RIG_STATE/run/$name"
}

process_gone() { ! process_runs "$1"; }

# Tries the command `$2…` ten times a second until it succeeds, for $1 seconds.
poll() {
  local end_s=$((SECONDS + $1 + 1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end_s)) || return 1
    sleep 0.1
  done
}

# Waits $1 seconds until the process named $2 runs and the command `$3…` says that it answers;
# names its log otherwise.
process_wait() {
  local patience_s=$1 name=$2
  shift 2
  poll "$patience_s" "$@" && process_runs "$name" && return
  tail -n 5 "$RIG_LOGS/$name.log" >&2 || true
  fail "$name did not answer within $patience_s s; see $RIG_LOGS/$name.log"
}
