#!/usr/bin/env bash
# Everything that has to be green: lint, format, types, tests. Sets up what is missing first.
# Arguments go to pytest. The slow campaigns (-m slow) are run on their own.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
cd "$root"

install_tools() {
  local want
  want=$(sha256sum < requirements-dev.lock)
  [ "$(cat .venv/.tools 2>/dev/null)" != "$want" ] || return 0
  say "installing the tools of requirements-dev.lock"
  "$python" -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r requirements-dev.lock \
    || fail "pip could not install requirements-dev.lock; see its output above"
  printf '%s\n' "$want" > .venv/.tools
}

# In a subshell: dpkg wants the system's folders on PATH, and the browser may lie there.
install_browser() (
  compgen -G 'tests/browser/test_*.py' >/dev/null || return 0
  PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  ! command -v chromium >/dev/null || return 0
  command -v apt-get >/dev/null || fail "the browser tests need chromium; install it"
  say "installing chromium for the browser tests"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium chromium-driver; } >/dev/null \
    || fail "apt-get could not install chromium and chromium-driver; install them, as root"
)

scripts/build.sh
install_tools
install_browser
scripts/kafka/broker.sh install
# the tests set their own; a setting from outside would change what they test
for name in "${!BATCH_@}"; do unset "$name"; done
# each of the hundreds of processes that the tests start would compile the source anew
unset PYTHONDONTWRITEBYTECODE

say "ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
say "mypy"
.venv/bin/mypy
say "pytest"
# most tests wait for processes to start: four files at once keep two cores busy, the long ones first, as
# tests/conftest.py puts them
exec .venv/bin/pytest -q -m 'not slow' -n 4 --dist loadfile --no-loadscope-reorder "$@"
