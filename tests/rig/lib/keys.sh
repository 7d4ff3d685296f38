# SSH keys: one for the client, one for each host. Made once, so that a reboot keeps them.
# shellcheck shell=bash

KEYS=$RIG_STATE/keys
CLIENT_KEY=$KEYS/client
KNOWN_HOSTS=$KEYS/known_hosts

keys_ensure() {
  local name
  mkdir -p "$KEYS"
  chmod 700 "$KEYS"
  for name in client sshd "${TARGETS[@]}"; do
    [[ -s $KEYS/$name.pub ]] ||
      ssh-keygen -q -t ed25519 -N '' -C "rig-$name" -f "$KEYS/$name" <<<y >/dev/null
  done
  for name in "${TARGETS[@]}"; do
    echo "$(target_ip "$name") $(key_public "$name")"
  done >"$KNOWN_HOSTS"
}

# The public key of $1 as hosts are pinned by it: type and key, no remark.
key_public() { cut -d ' ' -f 1,2 "$KEYS/$1.pub"; }

# Runs ssh as user $1 on address $2, strict about the host's key and deaf to this machine's settings.
key_ssh() {
  local user=$1 address=$2
  shift 2
  ssh -F none -i "$CLIENT_KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$KNOWN_HOSTS" -o LogLevel=ERROR \
    "$user@$address" "$@"
}
