# The Docker engine that builds images: the machine's own where it knows our registry, else ours.
# shellcheck shell=bash

ENGINE_SOCKET=$RIG_STATE/engine/docker.sock
MACHINE_SOCKET=/var/run/docker.sock

engine_start() {
  mkdir -p "$RIG_STATE/engine"
  if engine_of_machine_fits; then
    say "using this machine's Docker engine"
    ENGINE_SOCKET=$MACHINE_SOCKET
  else
    engine_start_own
  fi
}

engine_stop() {
  process_stop engine 20
  firewall_restore
}

# The machine's engine is used when it answers and already takes our registries as they are: plain
# HTTP, the open one as its mirror. Changing its configuration is not ours to do.
engine_of_machine_fits() {
  local registries
  process_runs engine && return 1
  [[ -S $MACHINE_SOCKET ]] || return 1
  registries=$(docker -H "unix://$MACHINE_SOCKET" info --format '{{json .RegistryConfig}}' 2>/dev/null) || return 1
  [[ $registries == *"http://$REGISTRY/"* && $registries == *"$REGISTRY_LOGIN"* ]] && return
  say "this machine's Docker engine does not know the rig's registry; starting one beside it"
  return 1
}

engine_start_own() {
  local folder=$RIG_STATE/engine
  if ! process_runs engine; then
    rm -f "$folder/pid"
    firewall_remember
    process_start engine dockerd \
      --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
      --host "unix://$ENGINE_SOCKET" --group root \
      --containerd-namespace sealock-rig --containerd-plugins-namespace sealock-rig-plugins \
      --bridge "$ENGINE_BRIDGE" --default-address-pool "base=$ENGINE_NETWORKS,size=24" \
      --mtu "$(network_mtu)" \
      --registry-mirror "http://$REGISTRY" \
      --insecure-registry "$REGISTRY" --insecure-registry "$REGISTRY_LOGIN"
  fi
  process_wait 30 engine engine_docker version
}

# The packaged client, in its classic builder: BuildKit's client side is not in Debian 12.
engine_docker() {
  DOCKER_BUILDKIT=0 DOCKER_CONFIG=$RIG_STATE/docker-config docker -H "unix://$ENGINE_SOCKET" "$@"
}

# The command `docker` that speaks to this engine unless told otherwise, for people and for tests;
# $1 is the program of its Compose plugin.
engine_write_command() {
  mkdir -p "$RIG_BIN" "$RIG_STATE/docker-config/cli-plugins"
  ln -sfn "$1" "$RIG_STATE/docker-config/cli-plugins/docker-compose"
  cat >"$RIG_BIN/docker.new" <<END
#!/bin/sh
export DOCKER_HOST="\${DOCKER_HOST:-unix://$ENGINE_SOCKET}"
export DOCKER_CONFIG="\${DOCKER_CONFIG:-$RIG_STATE/docker-config}"
exec $(engine_client) "\$@"
END
  chmod 755 "$RIG_BIN/docker.new"
  mv "$RIG_BIN/docker.new" "$RIG_BIN/docker"
}

# The client that came with the engine, before any newer one in PATH.
engine_client() { if [[ -x /usr/bin/docker ]]; then echo /usr/bin/docker; else command -v docker; fi; }
