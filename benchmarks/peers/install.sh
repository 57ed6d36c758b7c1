#!/usr/bin/env bash
# Installs the peers that package registries have into benchmarks/.peers, once. What cannot be installed is
# said and left out: the benchmark runs without it and reports it.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/benchmarks/peers
peers=$root/benchmarks/.peers

say() { printf 'benchmark: %s\n' "$*" >&2; }

# The command's output is of use only when it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || { printf '%s\n' "$said" | tail -n 5 >&2; return 1; }
}

kcat() {
  command -v kcat >/dev/null && return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    quietly apt-get install -y --no-install-recommends kcat && return 0
  fi
  say "kcat is not there; install Debian's package kcat"
}

python_packages() {
  local wanted done=$peers/python/.complete
  wanted=$(cksum < "$here/python.txt")
  [ "$(cat "$done" 2>/dev/null)" = "$wanted" ] && return 0
  rm -rf "$peers/python"
  if quietly "$root/.venv/bin/python" -m pip install -q --target "$peers/python" -r "$here/python.txt"; then
    printf '%s\n' "$wanted" > "$done"
  else
    say "the script's packages could not be installed"
  fi
}

file_stream() {
  local plugin=$peers/plugins/filestream
  compgen -G "$plugin/connect-file-*.jar" >/dev/null && return 0
  mkdir -p "$plugin"
  quietly mvn -q -B -f "$here/connect/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$plugin" || say "FileStreamSource could not be installed"
}

mkdir -p "$peers/bin" "$peers/plugins/spooldir" "$peers/plugins/filepulse"
"$root/scripts/kafka/broker.sh" install || exit 1
kcat
python_packages
file_stream
