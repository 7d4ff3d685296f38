# Base images under the names that authors use, made here because no registry outside is asked.
#
# Each folder of `images/` makes one image; its file `names` lists what it is called. The open
# registry holds them as `library/NAME`, where an engine looks for `NAME` in its mirror.
# shellcheck shell=bash

# In the order in which they build on each other.
IMAGES=(debian busybox python node-slim node postgres postgres-16 redis nginx)

# Makes sure that the registry holds every image, made by the recipes as they are now.
images_ensure() {
  local recipe
  recipe=$(images_recipe)
  [[ $(cat "$RIG_STATE/images" 2>/dev/null) == "$recipe" ]] && images_are_held && return
  debian_import
  images_build
  images_push
  echo "$recipe" >"$RIG_STATE/images"
}

# The base images carry this machine's certificates, so these belong to the recipe.
images_recipe() { recipe_hash "$RIG/images" /etc/ssl/certs/ca-certificates.crt; }

images_names() {
  local image
  for image in "${IMAGES[@]}"; do cat "$RIG/images/$image/names"; done
}

images_are_held() {
  local name
  for name in $(images_names); do registry_holds "library/$name" || return 1; done
}

debian_recipe() { recipe_hash "$RIG/images/debian/make" /etc/ssl/certs/ca-certificates.crt; }

# Imports the Debian system, unless the engine has this very one: a new import would make every
# layer above it new.
debian_import() {
  local recipe folder label=sealock.rig.recipe
  recipe=$(debian_recipe)
  folder=$(built debian "$recipe" "$RIG/images/debian/make")
  [[ $(engine_docker image inspect --format "{{index .Config.Labels \"$label\"}}" \
    debian:bookworm-slim 2>/dev/null) == "$recipe" ]] && return
  engine_docker import --change 'CMD ["bash"]' --change "LABEL $label=$recipe" \
    "$folder/root.tar" debian:bookworm-slim >/dev/null
}

images_build() {
  local image
  for image in "${IMAGES[@]}"; do
    [[ ! -f $RIG/images/$image/Dockerfile ]] || image_build "$image"
  done
}

image_build() {
  local image=$1 name tags=()
  say "building image $image"
  while read -r name; do tags+=(--tag "$name"); done <"$RIG/images/$image/names"
  engine_docker build "${tags[@]}" "$RIG/images/$image" >"$RIG_LOGS/image-$image.log" 2>&1 ||
    { tail -n 20 "$RIG_LOGS/image-$image.log" >&2; fail "see $RIG_LOGS/image-$image.log"; }
}

images_push() {
  local name
  for name in $(images_names); do
    engine_docker tag "$name" "$REGISTRY/library/$name"
    engine_docker push --quiet "$REGISTRY/library/$name" >>"$RIG_LOGS/image-push.log"
    engine_docker rmi "$REGISTRY/library/$name" >>"$RIG_LOGS/image-push.log"
  done
}
