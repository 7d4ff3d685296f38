#!/bin/sh
# Everything that a deployment does on a target. Uploaded by digest to DIRECTORY/.sealock/bin and called as
#
#   sh SCRIPT DIRECTORY NONCE COMMAND [ARGUMENT…]
#   sh SCRIPT --compose [ARGUMENT…]     for scripts: `sh "$SEALOCK_TARGET" --compose up`
#   sh SCRIPT --outcome KEY             for scripts: what became of a step's script
#
# The answer on standard output is made of frames, so that nothing printed by a login shell or by a script
# can be taken for it:
#
#   sealock-frames NONCE          the first line; what stands before it is noise
#   l NAME TEXT                   one line of an answer
#   o LENGTH, e LENGTH, f LENGTH  then so many bytes: output, errors, a file
#   x NONCE STATUS TEXT           the last line; without it the outcome is unknown
#
# Invariants: state changes under `flock` only; a command whose epoch is not the lock's changes nothing and
# says `fenced`; what is written appears by rename; a command that changed something keeps its answer under
# its nonce and gives it again when asked twice.

set -u

self=$0
mask=$(umask)
umask 077

# The newest ledger records that are shown: the runner needs the last verified release, not the history.
LEDGER_LINES=1000
# Output is handed on in pieces of at most so many bytes.
PIECE_BYTES=262144
# How long one answer waits for a script that still runs.
SETTLE_SECONDS=5
# How long a command waits for another one that is changing the same state.
FLOCK_SECONDS=20
# Between asking what a script started to end, and ending it.
KILL_SECONDS=5
# How long who waits keeps a place without looking again: a dead one holds the others up for no longer.
TICKET_SECONDS=20
# How long answers stay for a runner that asks again, and what was cut off while it was written.
RESULT_DAYS=1
# How long what became of a script stays for the run that started it: longer than a run that is not over is kept.
ACTION_DAYS=31

finish() { # STATUS [TEXT]
  printf 'x %s %s %s\n' "$nonce" "$1" "${2-}"
  exit 0
}

# Keeps the answer, so that a runner that lost its connection can ask again.
conclude() { # STATUS [TEXT]
  printf '%s %s\n' "$1" "${2-}" | put "$s/results/$nonce" || exit
  finish "$@"
}

# Ends with what went wrong; a full disk is told apart, because nothing has been switched then. At the end of
# a pipe it ends the pipe only: `… | put FILE || exit`.
fail() { # WHAT
  said=$(printf '%s' "$1" | tr '\n' ' ' | cut -c 1-500)
  case $1 in
    *'No space left'* | *'no space left'* | *'uota exceeded'*) status=disk ;;
    *) status=failed ;;
  esac
  printf 'x %s %s %s\n' "$nonce" "$status" "$said"
  exit 1
}

# What is deployed is for others to read; only `.sealock` is not.
make_folder() { # FOLDER
  [ -d "$1" ] || (umask 022 && mkdir -p -- "$1")
}

enter_directory() { # DIRECTORY
  said=$(make_folder "$1" 2>&1) || fail "$said"
  dir=$(cd -- "$1" && pwd -P) || fail "cannot enter $1"
  s=$dir/.sealock
}

make_state() {
  [ -d "$s/tmp" ] && [ -d "$s/results" ] && [ -d "$s/actions" ] && return
  said=$(mkdir -p "$s/bin" "$s/tmp" "$s/results" "$s/actions" 2>&1) || fail "$said"
  said=$(make_folder "$dir/releases" 2>&1) || fail "$said"
}

# Writes standard input to a file that appears whole or not at all, and is on the disk then.
put() { # FILE
  new=$s/tmp/put.$$
  said=$(dd of="$new" conv=fsync 2>&1) || { rm -f "$new"; fail "$said"; }
  mv -f "$new" "$1" || fail "cannot write $1"
}

# What is below a folder is on the disk when this returns. An old `sync` knows no folder, and writes everything.
sync_folder() { # FOLDER
  sync -f "$1" 2>/dev/null || sync || fail "cannot write $1 to the disk"
}

remove_older() { # DAYS RUN FOLDER…; what is of this run stays
  days=$1 own=$2
  shift 2
  find "$@" -mindepth 1 -maxdepth 1 ! -name "$own.*" -mtime "+$days" -exec rm -rf {} +
}

number() { # VALUE
  case $1 in '' | *[!0-9]*) finish damaged "expected a number, found ${1:-nothing}" ;; esac
}

read_clock() {
  boot=none
  [ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
  read -r up _ </proc/uptime || finish tool '/proc/uptime'
  up=${up%%.*}
}

read_fence() {
  fence=0
  [ ! -f "$s/fence" ] || read -r fence <"$s/fence"
  number "$fence"
}

read_lease() {
  l_run='' l_holder='' l_epoch=0 l_boot='' l_until=0 l_since=0 l_who=''
  [ -f "$s/lease" ] || return 0
  while IFS='=' read -r name value; do
    case $name in
      run) l_run=$value ;;
      holder) l_holder=$value ;;
      epoch) l_epoch=$value ;;
      boot) l_boot=$value ;;
      until) l_until=$value ;;
      since) l_since=$value ;;
      who) l_who=$value ;;
    esac
  done <"$s/lease"
  number "$l_epoch"
  number "$l_until"
}

lease_lives() {
  [ -n "$l_run" ] && [ "$l_boot" = "$boot" ] && [ "$up" -lt "$l_until" ]
}

write_lease() { # RUN HOLDER EPOCH SECONDS SINCE WHO
  printf 'run=%s\nholder=%s\nepoch=%s\nboot=%s\nuntil=%s\nsince=%s\nwho=%s\n' \
    "$1" "$2" "$3" "$boot" "$((up + $4))" "$5" "$6" | put "$s/lease" || exit
}

take_flock() {
  exec 9>>"$s/lock" || fail "cannot open $s/lock"
  flock -w "$FLOCK_SECONDS" 9 || finish busy 'another command is changing the same state'
}

# Holds the state's lock for a command of the run that holds the target, and for nobody else.
guard() { # EPOCH RUN
  make_state
  take_flock
  if [ -f "$s/results/$nonce" ]; then
    read -r status text <"$s/results/$nonce"
    finish "$status" "$text"
  fi
  read_fence
  [ "$1" -ge "$fence" ] || conclude fenced "epoch $fence has passed $1"
  [ "$1" -eq "$fence" ] || conclude regress "epoch $fence is older than $1"
  read_lease
  if [ "$l_run" != "$2" ] || [ "$l_epoch" -ne "$1" ]; then
    conclude fenced "the lock is held by ${l_run:-nobody}"
  fi
}

# The same, for what changes the target: who did so last is known to a run that comes back.
guard_change() { # EPOCH RUN
  guard "$1" "$2"
  had=''
  [ ! -f "$s/changed" ] || read -r had <"$s/changed"
  [ "$had" = "$1 $2" ] || printf '%s %s\n' "$1" "$2" | put "$s/changed" || exit
}

append_to_ledger() {
  size=0
  if [ -s "$s/ledger" ]; then
    size=$(wc -c <"$s/ledger")
    [ -z "$(tail -c 1 "$s/ledger")" ] || echo >>"$s/ledger"
  fi
  said=$(dd of="$s/ledger" oflag=append conv=notrunc,fsync 2>&1) && return
  dd if=/dev/null of="$s/ledger" bs=1 seek="$size" 2>/dev/null
  fail "$said"
}

# Moves `current` by rename: there is no moment without it.
point_current() { # RELEASE, or - for none
  if [ "$1" = - ]; then
    rm -f "$dir/current"
    return
  fi
  said=$(mv -fT "$s/tmp/current.$$" "$dir/current" 2>&1) || fail "$said"
}

tell_state() {
  read_clock
  printf 'l now %s\nl boot %s\nl uptime %s\n' "$(date +%s)" "$boot" "$up"
  printf 'l directory %s\n' "$dir"
  command -v docker >/dev/null 2>&1 && echo 'l docker yes'
  [ -f "$s/fence" ] && sed 's/^/l fence /' "$s/fence"
  [ -f "$s/lease" ] && sed 's/^/l lease /' "$s/lease"
  [ -f "$s/changed" ] && sed 's/^/l changed /' "$s/changed"
  if [ -L "$dir/current" ]; then
    printf 'l current %s\n' "$(readlink "$dir/current")"
    printf 'l moved %s\n' "$(stat -c %Y "$dir/current" 2>/dev/null || echo 0)"
  fi
  for release in "$dir"/releases/*/; do
    [ -d "$release" ] || continue
    release=${release%/}
    printf 'l release %s\n' "${release##*/}"
  done
  [ -f "$s/ledger" ] && tail -n "$LEDGER_LINES" "$s/ledger" | sed 's/^/l ledger /'
  return 0
}

need_tools() {
  for tool in flock setsid tar mkfifo stat readlink find dd sync; do
    command -v "$tool" >/dev/null 2>&1 || finish tool "$tool"
  done
}

# --- Who waits -------------------------------------------------------------------------------------------
# A ticket is a file of a run that waits for the lock. It is about order alone: nothing is allowed by it, and one that
# is lost, damaged, or too old costs a place and no more. All of this happens under the state's lock.

read_ticket() { # FILE
  t_run='' t_boot='' t_until=0 t_number=0 t_since=0 t_who=''
  while IFS='=' read -r name value; do
    case $name in
      run) t_run=$value ;;
      boot) t_boot=$value ;;
      until) t_until=$value ;;
      number) t_number=$value ;;
      since) t_since=$value ;;
      who) t_who=$value ;;
    esac
  done <"$1"
  case $t_run in *' '*) t_run='' ;; esac
  for value in "$t_until" "$t_number" "$t_since"; do
    case $value in '' | *[!0-9]* | 0?* | ????????????*) t_run='' ;; esac
  done
}

# One that ends later than any that is written now is no ticket either.
ticket_lives() {
  [ -n "$t_run" ] && [ "$t_boot" = "$boot" ] && [ "$up" -lt "$t_until" ] && [ "$t_until" -le "$((up + TICKET_SECONDS))" ]
}

# Finds the place of a run: its number, who stands before it, and how many wait with it.
find_place() { # RUN
  own=0 since=$(date +%s) ahead=0 waiting=1 last=0 before=0
  b_run='' b_since=0 b_who=''
  if [ -f "$s/waiting/$1" ]; then
    read_ticket "$s/waiting/$1"
    if ticket_lives; then own=$t_number since=$t_since; fi
  fi
  for ticket in "$s"/waiting/*; do
    [ -f "$ticket" ] && [ "$ticket" != "$s/waiting/$1" ] || continue
    read_ticket "$ticket"
    if ! ticket_lives; then
      rm -f "$ticket"
      continue
    fi
    waiting=$((waiting + 1))
    [ "$t_number" -le "$last" ] || last=$t_number
    if [ "$own" -eq 0 ] || [ "$t_number" -lt "$own" ]; then
      ahead=$((ahead + 1))
      if [ "$t_number" -gt "$before" ]; then
        before=$t_number b_run=$t_run b_since=$t_since b_who=$t_who
      fi
    fi
  done
  [ "$own" -ne 0 ] || own=$((last + 1))
}

# Keeps the place, and tells it: without room for a ticket it is one at the end.
keep_place() { # RUN HOLDER WHO
  mkdir -p "$s/waiting" 2>/dev/null
  printf 'run=%s\nholder=%s\nboot=%s\nuntil=%s\nnumber=%s\nsince=%s\nwho=%s\n' \
    "$1" "$2" "$boot" "$((up + TICKET_SECONDS))" "$own" "$since" "$3" 2>/dev/null >"$s/tmp/ticket.$$"
  mv -f "$s/tmp/ticket.$$" "$s/waiting/$1" 2>/dev/null
  printf 'l place %s %s %s %s %s\n' "$((ahead + 1))" "$waiting" "${b_run:--}" "$b_since" "$b_who"
}

# --- Commands -------------------------------------------------------------------------------------------

# Takes the lock when it is free, ours, or stale, with a higher epoch each time its holder changes. A target whose fence
# is below an epoch that the run has held it with was put back to an older state. Who waits is served in the order of coming.
command_lock() { # RUN HOLDER SECONDS WHO EPOCH wait|once
  need_tools
  make_state
  take_flock
  read_clock
  read_fence
  [ "$fence" -ge "$5" ] || finish regress "epoch $fence is older than $5"
  [ ! -f "$s/results/left.$2" ] || finish left
  read_lease
  how=free
  epoch=$((fence + 1))
  find_place "$1"
  if [ "$l_run" = "$1" ] && [ "$l_holder" = "$2" ] && [ "$l_epoch" -eq "$fence" ]; then
    how=again epoch=$fence since=$l_since
  elif [ "$l_run" = "$1" ]; then
    how=resumed
  elif lease_lives; then
    [ "${6-once}" = once ] || keep_place "$1" "$2" "$4"
    tell_state
    finish held "$((l_until - up))"
  elif [ "$ahead" -gt 0 ] && [ "${6-once}" = wait ]; then
    keep_place "$1" "$2" "$4"
    tell_state
    finish queued
  elif [ -n "$l_run" ]; then
    how=stale
  fi
  rm -f "$s/waiting/$1"
  [ "$how" = again ] || since=$(date +%s)
  sed 's/^/l before /' "$s/lease" 2>/dev/null
  printf '%s\n' "$epoch" | put "$s/fence" || exit
  write_lease "$1" "$2" "$epoch" "$3" "$since" "$4"
  remove_older "$RESULT_DAYS" "$1" "$s/results" "$s/tmp"
  remove_older "$ACTION_DAYS" "$1" "$s/actions"
  tell_state
  finish ok "$epoch $how"
}

# Who does not wait any more gives its place up, and a lock of which it was not told any more. A request of it that is
# still on its way gets none.
command_leave() { # RUN HOLDER
  make_state
  take_flock
  if grep -qs "^holder=$2\$" "$s/waiting/$1"; then rm -f "$s/waiting/$1"; fi
  read_lease
  if [ "$l_run" = "$1" ] && [ "$l_holder" = "$2" ]; then rm -f "$s/lease"; fi
  true 2>/dev/null >"$s/results/left.$2"
  finish ok
}

command_renew() { # EPOCH RUN SECONDS
  guard "$1" "$2"
  read_clock
  write_lease "$l_run" "$l_holder" "$l_epoch" "$3" "$l_since" "$l_who"
  finish ok
}

release_lock() {
  rm -f "$s/lease"
  for action in "$s"/actions/"$l_run".*; do
    [ ! -f "$action/result" ] || rm -rf "$action"
  done
}

# The results of a run that will be resumed stay: it is by them that it knows what it did.
command_unlock() { # EPOCH RUN keep|remove
  guard "$1" "$2"
  if [ "$3" = keep ]; then rm -f "$s/lease"; else release_lock; fi
  conclude ok
}

command_status() {
  tell_state
  finish ok
}

# Standard input: digests. Names those that no image of the engine has.
command_images() {
  command -v docker >/dev/null 2>&1 || finish tool docker
  images=$(docker image ls --digests --no-trunc --format '{{.Digest}}' 2>&1 </dev/null) || fail "$images"
  while read -r digest; do
    case "
$images
" in
      *"
$digest
"*) ;;
      *) printf 'l gone %s\n' "$digest" ;;
    esac
  done
  finish ok
}

take_records() { # BYTES
  records=$s/tmp/records.$$
  cat >"$records" || fail 'No space left for the ledger records'
  [ "$(wc -c <"$records")" -eq "$1" ] || finish truncated
}

# Appends the ledger records on standard input, and lets go of the lock when asked to.
command_record() { # EPOCH RUN keep|unlock BYTES
  guard_change "$1" "$2"
  take_records "$4"
  append_to_ledger <"$records" || exit
  rm -f "$records"
  [ "$3" = keep ] || release_lock
  conclude ok
}

# Standard input: one ledger record, then a tar archive that ends with the file `.sealock-complete`.
command_stage() { # EPOCH RUN RELEASE DIGEST
  guard "$1" "$2"
  exec 9>&-
  IFS= read -r record || finish truncated
  new=$s/tmp/release.$3.$$
  mkdir -p "$new" || fail "cannot make $new"
  if ! said=$(tar -xf - -C "$new" 2>&1); then
    rm -rf "$new"
    fail "$said"
  fi
  [ -f "$new/.sealock-complete" ] || { rm -rf "$new"; finish truncated; }
  rm -f "$new/.sealock-complete"
  chmod -R u=rwX,go=rX,a-w "$new"
  sync_folder "$new"
  guard_change "$1" "$2"
  if [ -d "$dir/releases/$3" ]; then
    chmod -R u+w "$new" && rm -rf "$new"
    had=''
    [ ! -f "$s/staged.$3" ] || read -r had <"$s/staged.$3"
    [ "$had" = "$4" ] || conclude exists "$3"
    conclude ok
  fi
  printf '%s\n' "$4" | put "$s/staged.$3" || exit
  printf '%s\n' "$record" | append_to_ledger || exit
  # A folder that may not be written cannot be moved: its own entry `..` changes.
  chmod u+w "$new"
  mv "$new" "$dir/releases/$3" || fail "cannot place release $3"
  chmod u-w "$dir/releases/$3"
  conclude ok
}

# Standard input: ledger records. They are written before the switch: a full disk fails before, not after.
command_switch() { # EPOCH RUN RELEASE BYTES
  guard_change "$1" "$2"
  take_records "$4"
  if [ "$3" != - ]; then
    [ -d "$dir/releases/$3" ] || conclude missing "$3"
    said=$(ln -s "releases/$3" "$s/tmp/current.$$" 2>&1) || fail "$said"
  fi
  append_to_ledger <"$records" || exit
  rm -f "$records"
  point_current "$3"
  conclude ok
}

remove_image() { # DIGEST; an image that something still uses stays
  [ -n "${images-}" ] || images=$(docker image ls --digests --no-trunc --format '{{.Repository}}@{{.Digest}}' 2>/dev/null)
  for image in $images; do
    case $image in *"@$1") docker image rm "$image" </dev/null >/dev/null 2>&1 ;; esac
  done
}

# What runs of a Compose project that is not the one that is live; its volumes stay.
remove_project() { # PROJECT
  containers=$(docker ps -aq --filter "label=com.docker.compose.project=$1" 2>/dev/null </dev/null)
  # shellcheck disable=SC2086 # one word an id
  [ -z "$containers" ] || docker rm --force $containers </dev/null >/dev/null 2>&1
  networks=$(docker network ls -q --filter "label=com.docker.compose.project=$1" 2>/dev/null </dev/null)
  # shellcheck disable=SC2086 # one word an id
  [ -z "$networks" ] || docker network rm $networks </dev/null >/dev/null 2>&1
}

# Standard input: lines `project NAME`, `release ID`, and `image DIGEST`. What `current` names is never removed.
command_prune() { # EPOCH RUN
  guard_change "$1" "$2"
  now=''
  [ ! -L "$dir/current" ] || now=$(readlink "$dir/current")
  # An engine that takes its time must not hold up the renewal of the lease.
  exec 9>&-
  while read -r kind what; do
    case $kind in
      release)
        if [ "releases/$what" != "$now" ] && [ -d "$dir/releases/$what" ]; then
          chmod -R u+w "$dir/releases/$what" && rm -rf "$dir/releases/$what" "$s/staged.$what"
        fi
        ;;
      image) remove_image "$what" ;;
      project) remove_project "$what" ;;
    esac
  done
  conclude ok
}

# Standard input becomes a file, when all of it has come.
command_write() { # EPOCH RUN FILE MODE BYTES
  guard "$1" "$2"
  exec 9>&-
  case $3 in */*) said=$(make_folder "$dir/${3%/*}" 2>&1) || fail "$said" ;; esac
  new=$dir/$3.sealock-$$
  said=$(cat 2>&1 >"$new") || { rm -f "$new"; fail "${said:-No space left for $3}"; }
  [ "$(wc -c <"$new")" -eq "$5" ] || { rm -f "$new"; finish truncated; }
  chmod "$4" "$new"
  guard_change "$1" "$2"
  said=$(mv -fT "$new" "$dir/$3" 2>&1) || { rm -f "$new"; fail "$said"; }
  conclude ok
}

command_read() { # FILE MOST
  [ -f "$dir/$1" ] || finish missing "$1"
  size=$(wc -c <"$dir/$1") || fail "cannot read $1"
  [ "$size" -le "$2" ] || finish large "$size"
  printf 'f %d\n' "$size"
  head -c "$size" "$dir/$1"
  finish ok
}

# --- Scripts, detached: they end when they end, whatever becomes of the connection ------------------------

start_time() { # PID; empty when there is no such process
  started=''
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # the fields after the program's name
  set -- ${line##*) }
  [ "$1" = Z ] || started=${20}
}

action_lives() { # ACTION
  [ -f "$1/pid" ] || return 1
  read -r pid since <"$1/pid"
  start_time "$pid"
  [ -n "$started" ] && [ "$started" = "$since" ]
}

# Waits a while for the end of what another process of the run started for the same step. The runner asks again.
command_settle() { # PREFIX
  tries=$((SETTLE_SECONDS * 5))
  while :; do
    running=''
    for action in "$s/actions/$1".*; do
      ! action_lives "$action" || running=${action##*/}
    done
    [ -n "$running" ] || finish ok
    [ "$tries" -gt 0 ] || finish running "$running"
    tries=$((tries - 1))
    sleep 0.2 2>/dev/null || sleep 1
  done
}

# Makes the nonce of this request that of an action that has ended: its result is read again.
adopt() {
  read -r _ status code <"$action/result"
  printf '%s\n' "$nonce" | put "$action/nonce" || exit
  printf '%s %s %s\n' "$nonce" "$status" "$code" | put "$action/result" || exit
}

# Standard input: a tar archive with `start`, `script`, perhaps `stdin`, and last `.sealock-complete`.
# `once`: what was started under the key before is not started again; its output and its result are read.
command_run() { # EPOCH RUN KEY USER once|anew
  action=$s/actions/$3
  if [ -f "$action/nonce" ] && read -r had <"$action/nonce" && [ "$had" = "$nonce" ]; then
    follow 0 0
  fi
  guard "$1" "$2"
  exec 9>&-
  ! action_lives "$action" || finish busy "an earlier attempt at $3 still runs"
  if [ "$5" = once ] && [ -d "$action" ]; then
    [ -f "$action/result" ] || finish lost 'it ended without a result'
    adopt
    follow 0 0
  fi
  new=$s/tmp/action.$$
  mkdir -p "$new" || fail "cannot make $new"
  said=$(tar -xf - -C "$new" 2>&1) || { rm -rf "$new"; fail "$said"; }
  [ -f "$new/.sealock-complete" ] || { rm -rf "$new"; finish truncated; }
  guard_change "$1" "$2"
  rm -rf "$action"
  mv "$new" "$action" || fail "cannot place $3"
  # Before it starts: when the power goes, the machine still knows that it was begun.
  printf '%s\n' "$nonce" | put "$action/nonce" || exit
  printf '%s\n' "$4" >"$action/user"
  { : >"$action/out" && : >"$action/err" && mkfifo "$action/bell"; } || fail "cannot prepare $3"
  exec 9>&- 4<>"$action/bell"
  umask "$mask"
  setsid sh "$self" "$dir" "$nonce" supervise "$3" </dev/null >/dev/null 2>&1 &
  start_time "$!"
  printf '%s %s\n' "$!" "${started:-0}" >"$action/pid"
  follow 0 0
}

# Runs in a session of its own; descriptor 4 rings the bell of whoever follows.
command_supervise() { # KEY
  action=$s/actions/$1
  read -r user <"$action/user"
  # Caught, not ignored: what is started gets the signal's default back, and the result is still written.
  trap ':' TERM HUP INT
  input=/dev/null
  [ ! -f "$action/stdin" ] || input=$action/stdin
  exec 5<"$input"
  rm -f "$action/stdin"
  verdict='exit'
  if [ -z "$user" ]; then
    (umask "$mask" && SEALOCK_TARGET=$self exec sh "$action/start" "$dir") \
      <&5 >"$action/out" 2>"$action/err" 4>&- 5>&-
  else
    supervise_as "$user"
  fi
  code=$?
  printf '%s %s %s\n' "$nonce" "$verdict" "$code" | put "$action/result"
  echo end >&4
  exit 0
}

# The other user sees the script in a folder of its own, and no argument or environment of ours holds a value.
supervise_as() { # USER
  # shellcheck disable=SC2016 # expanded by the other user's shell
  folder=$(tar -cf - -C "$action" start script 2>/dev/null |
    sudo -n -u "$1" -- sh -c 'umask 077; d=$(mktemp -d) && tar -xf - -C "$d" && printf %s "$d"' 2>"$action/err")
  rm -f "$action/start"
  if [ -z "$folder" ]; then
    verdict=sudo
    return 126
  fi
  # shellcheck disable=SC2024 # the output files are ours, not the other user's
  sudo -n -u "$1" -- sh "$folder/start" "$dir" <&5 >"$action/out" 2>"$action/err" 4>&- 5>&-
  code=$?
  sudo -n -u "$1" -- rm -rf "$folder" 4>&- 5>&-
  return "$code"
}

hand_on() { # KIND FILE OFFSET; sets `offset` to where the next piece starts
  offset=$3
  size=$(wc -c <"$2") || return 0
  while [ "$size" -gt "$offset" ]; do
    piece=$((size - offset))
    [ "$piece" -le "$PIECE_BYTES" ] || piece=$PIECE_BYTES
    printf '%s %d\n' "$1" "$piece"
    tail -c "+$((offset + 1))" "$2" | head -c "$piece"
    offset=$((offset + piece))
  done
}

# Hands on what the action prints, from these offsets, and its result when it has one.
follow() { # OUT ERR
  out=$1 err=$2
  exec 4<>"$action/bell"
  (while kill -0 $$ 2>/dev/null; do sleep 0.2 2>/dev/null || sleep 1; echo tick; done) >&4 2>/dev/null </dev/null &
  ticker=$!
  while [ ! -f "$action/result" ]; do
    hand_on o "$action/out" "$out"
    out=$offset
    hand_on e "$action/err" "$err"
    err=$offset
    [ -f "$action/result" ] && break
    if ! action_lives "$action" && [ ! -f "$action/result" ]; then
      kill "$ticker" 2>/dev/null
      finish lost 'it ended without a result'
    fi
    read -r _ <&4
  done
  kill "$ticker" 2>/dev/null
  hand_on o "$action/out" "$out"
  hand_on e "$action/err" "$err"
  read -r had status code <"$action/result"
  [ "$had" = "$nonce" ] || finish other
  finish "$status" "$code"
}

# Goes on where a lost connection stopped.
command_attach() { # KEY OUT ERR
  action=$s/actions/$1
  [ -f "$action/nonce" ] || finish absent
  read -r had <"$action/nonce"
  [ "$had" = "$nonce" ] || finish absent
  follow "$2" "$3"
}

# Ends what runs under this key, with everything in its session that has not left it.
command_kill() { # KEY
  action=$s/actions/$1
  action_lives "$action" || finish ok
  read -r user <"$action/user"
  signal_group TERM
  tries=$((KILL_SECONDS * 10))
  while [ "$tries" -gt 0 ] && [ ! -f "$action/result" ] && action_lives "$action"; do
    tries=$((tries - 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  signal_group KILL
  read -r had <"$action/nonce"
  if [ ! -f "$action/result" ]; then
    printf '%s exit 137\n' "$had" | put "$action/result" || exit
  fi
  finish ok
}

signal_group() { # SIGNAL
  [ -z "$user" ] || sudo -n -u "$user" -- kill -s "$1" -- "-$pid" 2>/dev/null
  kill -s "$1" -- "-$pid" 2>/dev/null
}

# `sh "$SEALOCK_TARGET" DIRECTORY - compose ARGUMENT…` in a script: Compose 2, or 1 where there is no 2.
command_compose() {
  command -v docker >/dev/null 2>&1 || { echo 'E-TARGET-DOCKER: there is no docker on this target' >&2; exit 69; }
  for folder in "${HOME:-/root}/.docker" /usr/local/lib/docker /usr/local/libexec/docker /usr/lib/docker \
    /usr/libexec/docker; do
    [ ! -x "$folder/cli-plugins/docker-compose" ] || exec docker compose "$@"
  done
  command -v docker-compose >/dev/null 2>&1 && exec docker-compose "$@"
  docker compose version >/dev/null 2>&1 && exec docker compose "$@"
  echo 'E-TARGET-DOCKER: this target has docker, but neither Compose 2 nor docker-compose' >&2
  exit 69
}

# `sh "$SEALOCK_TARGET" --outcome KEY` in a script that starts in the environment's directory: what became of the first
# script that the step with this key started there, in its newest try. Prints `absent`, `running`, `lost`, or the exit
# code, and below that what it printed.
command_outcome() { # KEY
  newest='' number=0
  for action in .sealock/actions/*."$1"-*.0; do
    try=${action%.0}
    try=${try##*-}
    [ -d "$action" ] && [ "$try" -ge "$number" ] && newest=$action number=$try
  done
  [ -n "$newest" ] || { echo absent; return; }
  if action_lives "$newest"; then
    echo running
  elif [ -f "$newest/result" ]; then
    read -r _ _ code <"$newest/result"
    echo "$code"
    cat "$newest/out"
  else
    echo lost
  fi
}

main() { # DIRECTORY NONCE COMMAND [ARGUMENT…]
  nonce=$2
  command=$3
  [ "$command" = supervise ] || printf 'sealock-frames %s\n' "$nonce"
  enter_directory "$1"
  shift 3
  case $command in
    lock) command_lock "$@" ;;
    leave) command_leave "$@" ;;
    renew) command_renew "$@" ;;
    unlock) command_unlock "$@" ;;
    status) command_status ;;
    images) command_images ;;
    record) command_record "$@" ;;
    stage) command_stage "$@" ;;
    switch) command_switch "$@" ;;
    prune) command_prune "$@" ;;
    write) command_write "$@" ;;
    read) command_read "$@" ;;
    run) command_run "$@" ;;
    settle) command_settle "$@" ;;
    supervise) command_supervise "$@" ;;
    attach) command_attach "$@" ;;
    kill) command_kill "$@" ;;
    *) finish failed "there is no command $command" ;;
  esac
}

if [ "$1" = --compose ]; then
  shift
  command_compose "$@"
fi
if [ "$1" = --outcome ]; then
  command_outcome "$2"
  exit
fi
main "$@"
