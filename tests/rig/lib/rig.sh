# Brings in the whole library. The caller has set RIG, the folder of the rig.
# shellcheck shell=bash

RIG_NOUNS=(settings messages processes cache packages network firewall keys registry engine images tools targets sshd environment)
for noun in "${RIG_NOUNS[@]}"; do
  # shellcheck source=/dev/null
  source "$RIG/lib/$noun.sh"
done

# One at a time: two calls of `up` must not build the same thing, or start it twice.
rig_lock() {
  mkdir -p "$RIG_STATE"
  exec 9>"$RIG_CACHE/lock"
  flock --wait 1800 9 || fail "another call of the rig holds $RIG_CACHE/lock"
}
