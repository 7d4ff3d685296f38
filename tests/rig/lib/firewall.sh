# What our Docker engine changes in the machine's packet filter, put back when it goes.
#
# An engine makes the machine forward packets, refuses to forward those of others, and leaves its
# rules and bridges behind when it ends.
# shellcheck shell=bash

FIREWALL_BEFORE=$RIG_STATE/engine/forwarding-before

# Notes what was so before our engine started; an engine that was killed has put nothing back.
firewall_remember() {
  [[ ! -f $FIREWALL_BEFORE ]] || return 0
  echo "$(iptables -S FORWARD | sed -n 's/^-P FORWARD //p') $(cat /proc/sys/net/ipv4/ip_forward)" >"$FIREWALL_BEFORE"
}

# Takes out the rules that name a bridge of our engine, and the bridges of its networks.
firewall_restore() {
  local policy forward ours bridge
  [[ -f $FIREWALL_BEFORE ]] || return 0
  ours=$(engine_bridges)
  iptables-save | grep --invert-match --word-regexp --regexp="$ours" | iptables-restore
  for bridge in $ours; do
    [[ $bridge == "$ENGINE_BRIDGE" ]] || ip link delete "$bridge"
  done
  read -r policy forward <"$FIREWALL_BEFORE"
  iptables -P FORWARD "$policy"
  echo "$forward" >/proc/sys/net/ipv4/ip_forward
  rm "$FIREWALL_BEFORE"
}

# One name a line: the default bridge and those of networks from our engine's own addresses.
engine_bridges() {
  echo "$ENGINE_BRIDGE"
  ip -oneline -4 address show to "$ENGINE_NETWORKS" | while read -r _ link _; do echo "$link"; done
}
