# What tests read: one `KEY='value'` a line, for a shell and for the simplest of parsers.
# shellcheck shell=bash

environment_print() {
  local name key
  entry STATE "$RIG_STATE"
  entry PATH "$RIG_BIN"
  entry DOCKER_HOST "unix://$ENGINE_SOCKET"
  entry REGISTRY "$REGISTRY"
  entry REGISTRY_LOGIN "$REGISTRY_LOGIN"
  entry REGISTRY_USER "$REGISTRY_USER"
  entry REGISTRY_PASSWORD "$REGISTRY_PASSWORD"
  entry SSH_KEY "$CLIENT_KEY"
  entry SSHD "127.0.0.1:$(sshd_port)"
  entry SSHD_HOST_KEY "$(key_public sshd)"
  entry SSHD_USER "$(id -un)"
  for name in "${TARGETS[@]}"; do
    key=${name^^}
    entry "$key" "$(target_ip "$name")"
    entry "${key}_HOST_KEY" "$(key_public "$name")"
  done
}

entry() { printf "SEALOCK_RIG_%s='%s'\n" "$1" "$2"; }

# Writes the file that says the rig is up; it is there whole or not at all.
environment_write() {
  environment_print >"$RIG_STATE/env.new"
  mv "$RIG_STATE/env.new" "$RIG_STATE/env"
  cat "$RIG_STATE/env"
}
