# Where the rig keeps things and which addresses it uses. Nothing here acts.
# shellcheck shell=bash disable=SC2034

RIG_CACHE=${SEALOCK_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealock-rig}
# What takes minutes to make and never changes afterwards; `down --wipe` leaves it.
RIG_BUILT=$RIG_CACHE/built
# Everything else: pids, logs, keys, and the stores of the engine, registries, and targets.
RIG_STATE=$RIG_CACHE/state
RIG_LOGS=$RIG_STATE/logs
RIG_BIN=$RIG_STATE/bin

# The rig's own corner of the private addresses. It appears in no usual network.
RIG_NETWORK=10.213.0.0/16
REGISTRY_LINK=slkreg
REGISTRY_IP=10.213.0.1
REGISTRY=$REGISTRY_IP:5000
REGISTRY_LOGIN=$REGISTRY_IP:5001
REGISTRY_USER=rig
REGISTRY_PASSWORD=rig-registry-password

ENGINE_BRIDGE=slkdocker
ENGINE_BRIDGE_ADDRESS=10.213.9.1/24
ENGINE_NETWORKS=10.213.128.0/17

TARGETS=(web1 web2)

# The address of target $1 on its own /24; the host's end of the cable is `.1`.
target_ip() { echo "10.213.${1#web}.2"; }
target_gateway() { echo "10.213.${1#web}.1"; }
