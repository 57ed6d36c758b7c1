#!/usr/bin/env bash
# Make .venv from requirements.lock, with .venv/bin/batch in it. Does nothing when that stands already.
# With a Docker engine also the image batch-worker:latest; that alone where there is no Python.
#
#   BATCH_PYTHON   the Python to use; else the first of python3.11, python3.12, python3.13, python3 that fits
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
stamp=$root/.venv/.built
kernels=$root/.venv/.kernels

wanted() { { cat "$root/requirements.lock" "$root/pyproject.toml"; echo "$root"; } | sha256sum; }

built() { [ "$(cat "$stamp" 2>/dev/null)" = "$(wanted)" ] && [ -x "$batch" ] && "$python" -c '' 2>/dev/null; }

build_environment() {
  local base
  base=$(find_python) || fail "no Python 3.11 or newer was found; install one, or name it with BATCH_PYTHON"
  say "building .venv with $("$base" --version) from requirements.lock; the first time takes a minute"
  # an environment that was moved, or whose Python is gone, cannot be mended
  if ! [[ $(head -n 1 "$batch" 2>/dev/null) == "#!$root/.venv/"* ]] || ! "$python" -m pip --version >/dev/null 2>&1; then
    "$base" -m venv --clear "$root/.venv" \
      || fail "Python cannot make a virtual environment; on Debian and Ubuntu install python3-venv"
  fi
  rm -f "$stamp"
  local pip=("$python" -m pip --quiet --disable-pip-version-check --no-input)
  "${pip[@]}" install --require-hashes -r "$root/requirements.lock" \
    || fail "pip could not install requirements.lock; see its output above"
  "${pip[@]}" install --no-deps --no-build-isolation -e "$root" \
    || fail "pip could not install the project itself; see its output above"
  wanted > "$stamp"
}

# A worker whose cache is cold does this itself, beside its work, and is slower until then.
compile_kernels() {
  local want
  want=$({ wanted; find "$root/connectors/compiled" -name "*.py" -print0 | sort -z | xargs -0 cat; } | sha256sum)
  [ "$(cat "$kernels" 2>/dev/null)" != "$want" ] || return 0
  say "compiling the converter; the first time takes half a minute"
  "$python" -c 'from connectors.compiled import warm_up; warm_up()' \
    || fail "the converter could not be compiled; see the output above"
  printf '%s\n' "$want" > "$kernels"
}

built || only_docker || build_environment
if built; then compile_kernels; fi
if [ -f "$root/Dockerfile" ] && docker_engine; then
  say "building the image $image; the first time takes a few minutes"
  docker build --quiet --tag "$image" "$root" >/dev/null || fail "docker could not build the image"
fi
