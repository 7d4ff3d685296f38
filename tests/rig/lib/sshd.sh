# A plain SSH server on loopback, for tests of the SSH client that need no whole machine.
# shellcheck shell=bash

SSHD_FOLDER=$RIG_STATE/sshd

sshd_start() {
  mkdir -p "$SSHD_FOLDER" /run/sshd
  process_runs sshd && return
  sshd_choose_port
  sshd_config >"$SSHD_FOLDER/config"
  process_start sshd /usr/sbin/sshd -D -e -f "$SSHD_FOLDER/config"
  process_wait 10 sshd sshd_answers
}

sshd_stop() { process_stop sshd 5; }

# Keeps the port of last time unless somebody else has it now.
sshd_choose_port() {
  local port
  port=$(sshd_port)
  while [[ -z $port ]] || port_is_taken "$port"; do port=$((20000 + RANDOM % 12000)); done
  echo "$port" >"$SSHD_FOLDER/port"
}

sshd_port() { cat "$SSHD_FOLDER/port" 2>/dev/null || true; }

port_is_taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

sshd_answers() { port_is_taken "$(sshd_port)"; }

sshd_config() {
  cat <<END
ListenAddress 127.0.0.1:$(sshd_port)
HostKey $KEYS/sshd
AuthorizedKeysFile $KEYS/client.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
END
}
