# The proxy of two stacks: a file of upstreams, which nginx reads.

write_upstreams() { # FILE UPSTREAMS
  mkdir -p -- "${1%/*}" || return
  {
    printf '# Written by Sealock: %s.\n' "$SEALOCK_RELEASE"
    for upstream in $2; do
      ports=${upstream#*=}
      port=${ports%-*}
      printf 'upstream %s {\n' "${upstream%%=*}"
      while [ "$port" -le "${ports#*-}" ]; do
        printf '    server 127.0.0.1:%s max_fails=0;\n' "$port"
        port=$((port + 1))
      done
      printf '}\n'
    done
  } >"$1.new" && chmod 0644 "$1.new"
}

# nginx is asked with the new file in place, before it is reloaded; when it says no, it gets the old one back.
point_proxy() { # FILE UPSTREAMS
  PATH=$PATH:/usr/sbin:/sbin
  said=$(write_upstreams "$1" "$2" 2>&1) || return
  rm -f -- "$1.old"
  [ ! -f "$1" ] || cp -p -- "$1" "$1.old"
  mv -f -- "$1.new" "$1" || return
  said=$(as_root nginx -t 2>&1) || {
    if [ -f "$1.old" ]; then mv -f -- "$1.old" "$1"; else rm -f -- "$1"; fi
    return 1
  }
  said=$(as_root systemctl reload nginx 2>&1)
}

# A reload only asks: for a moment, workers with the old file still take requests, and they answer what they took.
drain_proxy() {
  sleep 2
}
