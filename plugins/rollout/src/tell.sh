# Standard output is for the step: each line says first what it is.

tell() { # WORD TEXT
  [ -z "$2" ] || printf '%s\n' "$2" | sed "s/^/$1 /"
}
