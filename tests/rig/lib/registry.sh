# Two OCI registries: an open one that is also the engines' mirror, and one that asks who you are.
# shellcheck shell=bash

registry_start() {
  registry_serve registry "$REGISTRY" ""
  registry_serve registry-login "$REGISTRY_LOGIN" "$(registry_login_section)"
}

registry_stop() {
  process_stop registry 5
  process_stop registry-login 5
}

# Serves the registry named $1 at address $2; $3 is a further section of its configuration.
registry_serve() {
  local name=$1 address=$2 auth=$3 folder=$RIG_STATE/$1
  mkdir -p "$folder/data"
  process_runs "$name" && return
  registry_config "$folder/data" "$address" "$auth" >"$folder/config.yml"
  process_start "$name" docker-registry serve "$folder/config.yml"
  process_wait 10 "$name" registry_listens "$address"
}

registry_config() {
  cat <<END
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: "$1"}
  delete: {enabled: true}
http: {addr: "$2"}
$3
END
}

# The section that asks for a login; writes the file of logins beside the data.
registry_login_section() {
  local logins=$RIG_STATE/registry-login/htpasswd
  mkdir -p "$(dirname "$logins")"
  printf '%s:%s\n' "$REGISTRY_USER" "$(bcrypt "$REGISTRY_PASSWORD")" >"$logins"
  printf 'auth: {htpasswd: {realm: rig, path: "%s"}}\n' "$logins"
}

# The C library's bcrypt, so that no Apache tools are needed. The salt is fixed: so is the password.
bcrypt() { perl -e 'print crypt($ARGV[0], q($2y$05$sealockrigsealockrigse))' "$1"; }

# A registry answers 200, or 401 when it wants a login.
registry_listens() {
  [[ $(curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' "http://$1/v2/") =~ ^(200|401)$ ]]
}

# Whether the open registry holds the image $1, such as `library/redis:7`.
registry_holds() {
  curl --silent --fail --head --max-time 5 --output /dev/null \
    --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
    "http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}"
}
