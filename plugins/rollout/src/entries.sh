# The environment's entries, each as a line that `quoted`, which the script has, makes of its value.

entries() { # NAMES
  for name in $1; do
    value=''
    eval "value=\${SEALOCK_ENV_$name}"
    printf '%s=' "$name"
    quoted "$value"
    printf '\n'
  done
}
