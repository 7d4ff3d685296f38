# Targets: whole machines in network namespaces, which can be rebooted, powered off, and cut off.
#
# All share one root folder, built once. What a target changes in it is forgotten when it goes off,
# except `/opt`, `/home/deploy`, and `/var/lib/docker`, which live in the target's own folder.
# shellcheck shell=bash

TARGET_BOOT_S=60

targets_start() {
  local name root
  root=$(target_root)
  for name in "${TARGETS[@]}"; do
    target_switch_on "$name" "$root"
    cable_mend "$name"
  done
  for name in "${TARGETS[@]}"; do target_wait "$name"; done
}

targets_stop() {
  local name
  for name in "${TARGETS[@]}"; do
    target_power_off "$name"
    cable_unplug "$name"
    target_leave_cgroups "$name"
  done
}

# Prints the root folder, built from `machine/` if it is not in the cache.
target_root() {
  local compose recipe folder
  compose=$(tool compose)
  recipe=$(recipe_hash "$RIG/machine" "$RIG/images/debian/make" "$RIG/tools/compose")
  folder=$(built machine "$recipe" target_root_build "$compose")
  echo "$folder/root"
}

target_root_build() {
  local compose=$1 folder=$2 container
  cp -r "$RIG/machine" "$folder/recipe"
  cp "$compose" "$folder/recipe/docker-compose"
  engine_docker build --tag sealock-rig-target "$folder/recipe"
  container=$(engine_docker create sealock-rig-target)
  mkdir "$folder/root"
  engine_docker export "$container" | tar -C "$folder/root" --numeric-owner -x
  engine_docker rm "$container"
  rm -rf "$folder/recipe" "$folder/root/.dockerenv"
}

target_is_known() {
  local name
  for name in "${TARGETS[@]}"; do [[ $name != "$1" ]] || return 0; done
  return 1
}

target_folder() { echo "$RIG_STATE/targets/$1"; }

target_power_on() {
  target_switch_on "$1" "$(cat "$RIG_STATE/run/target-$1.root")"
  target_wait "$1"
}

# Boots target $1, unless it is on already with this root folder $2.
target_switch_on() {
  local name=$1 root=$2 in_use
  in_use=$RIG_STATE/run/target-$name.root
  if process_runs "target-$name"; then
    [[ $(cat "$in_use") != "$root" ]] || return 0
    target_power_off "$name"
  fi
  cable_plug "$name"
  target_make_folders "$name"
  mkdir -p "$RIG_STATE/run"
  echo "$root" >"$in_use"
  process_start "target-$name" "$RIG/lib/boot-machine" "$name" "$root" "$(target_folder "$name")" "$KEYS"
}

# Removes the cgroups that the target was started in, deepest first.
target_leave_cgroups() {
  find /sys/fs/cgroup -depth -type d -path "*/sealock-rig-$1*" -exec rmdir {} + 2>/dev/null || true
}

target_make_folders() {
  local folder
  folder=$(target_folder "$1")
  mkdir -p "$folder"/{docker,opt,home}
  chown 1000:1000 "$folder"/{opt,home}
}

# Waits until everything on the target is up: systemd says so, and what failed has a name.
target_wait() {
  local name=$1 state
  process_wait "$TARGET_BOOT_S" "target-$name" target_ssh root "$name" true
  state=$(target_ssh root "$name" timeout "$TARGET_BOOT_S" systemctl is-system-running --wait) || true
  [[ $state == running ]] && return
  target_ssh root "$name" systemctl --failed --no-legend >&2 || true
  fail "target $name is '$state' instead of running; see $RIG_LOGS/target-$name.log"
}

target_ssh() {
  local user=$1 name=$2
  shift 2
  key_ssh "$user" "$(target_ip "$name")" "$@"
}

# Pulls the plug: everything on the target ends in the middle of what it does, and what is sent
# to it gets no answer.
target_power_off() {
  local name=$1 pid
  if pid=$(process_pid "target-$name"); then
    kill_family "$pid"
    poll 10 process_gone "target-$name" || fail "target $name (pid $pid) cannot be killed"
    cable_cut "$name"
    links_forget "$name"
  fi
  rm -f "$RIG_STATE/run/target-$name"
}

# Kills process $1 and its children down to the third generation: our script, nspawn, and the
# target's process 1, with which the kernel ends all the rest.
kill_family() {
  local pid=$1 family=("$1") child
  for child in $(children_of "$pid"); do
    # shellcheck disable=SC2207 # a list of numbers
    family+=("$child" $(children_of "$child"))
  done
  kill -KILL "${family[@]}" 2>/dev/null || true
}

children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# A clean restart, as `reboot` on the target does it.
target_reboot() {
  local name=$1 before
  before=$(target_boot "$name") || fail "target $name does not answer"
  # The connection ends with the machine: its exit status says nothing.
  target_ssh root "$name" systemctl reboot || true
  poll "$TARGET_BOOT_S" target_booted_since "$name" "$before" ||
    fail "target $name did not restart; see $RIG_LOGS/target-$name.log"
  target_wait "$name"
}

# What differs from boot to boot: when process 1 started.
target_boot() { target_ssh root "$1" stat --format %Y.%i /proc/1; }

target_booted_since() {
  local now
  now=$(target_boot "$1") && [[ $now != "$2" ]]
}

# Back to the day it was set up: nothing deployed, no images.
target_reset() {
  local name=$1
  target_power_off "$name"
  rm -rf --one-file-system "$(target_folder "$name")"
  target_power_on "$name"
}

# Nothing deployed, as after a reset, but the images stay: what a first deployment pulls is there already.
target_clear() {
  local name=$1
  cable_mend "$name"
  if ! target_ssh root "$name" true 2>/dev/null; then
    target_reset "$name"
    return
  fi
  # shellcheck disable=SC2016 # The target's shell expands it.
  target_ssh root "$name" '
    set -eu
    containers=$(docker ps --all --quiet)
    [ -z "$containers" ] || docker rm --force --volumes $containers
    volumes=$(docker volume ls --quiet)
    [ -z "$volumes" ] || docker volume rm $volumes
    docker network prune --force
    find /opt -mindepth 1 -maxdepth 1 -exec rm -rf {} +
    rm -rf /home/deploy/deploy' >/dev/null
}

target_status() {
  local name=$1 power=off ssh=silent
  ! process_runs "target-$name" || power=on
  ! target_ssh root "$name" true 2>/dev/null || ssh=answers
  echo "$name power=$power cable=$(cable_state "$name" 2>/dev/null || echo none) ssh=$ssh"
}
