# Debian's packages that the rig needs on this machine.
# shellcheck shell=bash

# One line each: the program or file that must be there, and the package that brings it.
PACKAGES="
dockerd docker.io
docker-registry docker-registry
sshd openssh-server
ssh openssh-client
debootstrap debootstrap
systemd-nspawn systemd-container
ip iproute2
iptables iptables
curl curl
perl perl-base
/etc/ssl/certs/ca-certificates.crt ca-certificates
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
"

# Makes sure that every program is there, or says what is missing before anything else happens.
packages_ensure() {
  local missing
  PATH=$PATH:/usr/sbin:/sbin
  missing=$(packages_missing)
  ((EUID == 0)) || packages_refuse "$missing"
  [[ -z $missing ]] || packages_install "$missing"
}

packages_missing() {
  local program package
  while read -r program package; do
    [[ -z $program || -e $program || -n $(command -v "$program") ]] || printf '%s ' "$package"
  done <<<"$PACKAGES"
}

packages_refuse() {
  refuse "the rig starts a Docker engine, network namespaces, and whole machines: it needs root" \
    "packages missing here: ${1:-none}" \
    "run it as:             sudo --preserve-env=HOME,SEALOCK_RIG_CACHE tests/rig/up" \
    "on Debian or Ubuntu it then installs what is missing by itself"
}

packages_install() {
  local packages=$1
  command -v apt-get >/dev/null || refuse "packages are missing and this machine has no apt-get" \
    "get the programs of these Debian packages: $packages"
  say "installing $packages"
  mkdir -p "$RIG_LOGS"
  # shellcheck disable=SC2086 # a list of words
  if ! without_starting_them apt_install $packages >"$RIG_LOGS/packages.log" 2>&1; then
    tail -n 5 "$RIG_LOGS/packages.log" >&2
    fail "apt-get could not install $packages; see $RIG_LOGS/packages.log"
  fi
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update && apt-get install --yes --no-install-recommends "$@"
}

# Debian starts a daemon when its package is installed. Ours are started by the rig, elsewhere:
# nothing may come up on port 22 or 5000 of this machine only because tests ran.
without_starting_them() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  "$@" || status=$?
  rm -f $policy
  return $status
}
