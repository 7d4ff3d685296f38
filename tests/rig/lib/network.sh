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

  # Without this, what is meant for a target that is away would go out to the world.
  ip route replace unreachable "$RIG_NETWORK"
}

network_stop() {
  local link
  ip route delete unreachable "$RIG_NETWORK" 2>/dev/null || true
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

# Whether there is a namespace behind this name: the name alone stays when somebody unmounts it.
namespace_lives() { ip -netns "$1" link show lo >/dev/null 2>&1; }

# Gives target $1 a network namespace and a cable to the host.
cable_plug() {
  local name=$1 namespace cable
  namespace=$(cable_namespace "$name") cable=$(cable_link "$name")
  if ! namespace_lives "$namespace"; then
    rm -f "/run/netns/$namespace"
    ip netns add "$namespace"
  fi
  if ! link_exists "$cable"; then
    ip link add "$cable" type veth peer name host0 netns "$namespace"
    ip address add "$(target_gateway "$name")/24" dev "$cable"
    ip link set "$cable" up
  fi
  ip -netns "$namespace" address replace "$(target_ip "$name")/24" dev host0
  ip -netns "$namespace" link set lo up
  cable_mend "$name"
}

# Removes what the target's engine made: links in a network namespace outlive the machine that was in it, and some thirty
# bridges later there is no address left for another.
links_forget() {
  local namespace link
  namespace=$(cable_namespace "$1")
  namespace_lives "$namespace" || return 0
  for link in $(ip -netns "$namespace" -oneline link show | sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p'); do
    # A pair of links goes at once: the other end is gone already.
    [[ $link == lo || $link == host0 ]] || ip -netns "$namespace" link delete "$link" 2>/dev/null || true
  done
}

cable_unplug() {
  local name=$1
  ! link_exists "$(cable_link "$name")" || ip link delete "$(cable_link "$name")"
  if namespace_lives "$(cable_namespace "$name")"; then
    ip netns delete "$(cable_namespace "$name")"
  else
    rm -f "/run/netns/$(cable_namespace "$name")"
  fi
}

# The cable comes out at the target's end: open connections fall silent, new ones find no host.
cable_cut() {
  ! namespace_lives "$(cable_namespace "$1")" || ip -netns "$(cable_namespace "$1")" link set host0 down
}

cable_mend() {
  local namespace
  namespace=$(cable_namespace "$1")
  ip -netns "$namespace" link set host0 up
  ip -netns "$namespace" route replace default via "$(target_gateway "$1")"
}

cable_state() {
  if [[ $(cat "/sys/class/net/$(cable_link "$1")/operstate") == up ]]; then echo plugged; else echo cut; fi
}

cable_namespace() { echo "slk-$1"; }
cable_link() { echo "slk-$1"; }
