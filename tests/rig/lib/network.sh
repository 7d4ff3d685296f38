# Links, bridges, and the cables of the targets.
# shellcheck shell=bash

# The registry's address lives on a link of its own, so that host, engine, build containers, and
# targets all reach it under one name.
network_start() {
  link_exists "$REGISTRY_LINK" || ip link add "$REGISTRY_LINK" type bridge
  ip address replace "$REGISTRY_IP/32" dev "$REGISTRY_LINK"
  ip link set "$REGISTRY_LINK" up

  link_exists "$ENGINE_BRIDGE" || ip link add "$ENGINE_BRIDGE" type bridge
  ip address replace "$ENGINE_BRIDGE_ADDRESS" dev "$ENGINE_BRIDGE"
  ip link set "$ENGINE_BRIDGE" up
}

network_stop() {
  local link
  for link in "$REGISTRY_LINK" "$ENGINE_BRIDGE"; do
    ! link_exists "$link" || ip link delete "$link"
  done
}

link_exists() { [[ -e /sys/class/net/$1 ]]; }

# The packet size of the way out: a container that sends larger ones hangs behind a smaller link.
network_mtu() {
  local link
  link=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  cat "/sys/class/net/${link:-lo}/mtu"
}

# Gives target $1 a network namespace and a cable to the host.
cable_plug() {
  local name=$1 namespace cable
  namespace=$(cable_namespace "$name") cable=$(cable_link "$name")
  [[ -e /run/netns/$namespace ]] || ip netns add "$namespace"
  if ! link_exists "$cable"; then
    ip link add "$cable" type veth peer name host0 netns "$namespace"
    ip address add "$(target_gateway "$name")/24" dev "$cable"
  fi
  cable_mend "$name"
  ip -netns "$namespace" address replace "$(target_ip "$name")/24" dev host0
  ip -netns "$namespace" link set lo up
  ip -netns "$namespace" link set host0 up
  ip -netns "$namespace" route replace default via "$(target_gateway "$name")"
}

cable_unplug() {
  local name=$1
  ! link_exists "$(cable_link "$name")" || ip link delete "$(cable_link "$name")"
  [[ ! -e /run/netns/$(cable_namespace "$name") ]] || ip netns delete "$(cable_namespace "$name")"
}

cable_cut() { ip link set "$(cable_link "$1")" down; }
cable_mend() { ip link set "$(cable_link "$1")" up; }
cable_state() { cat "/sys/class/net/$(cable_link "$1")/operstate"; }
cable_namespace() { echo "slk-$1"; }
cable_link() { echo "slk-$1"; }
