#!/usr/bin/env bash
# The benchmark: installs the peers that can be installed, then runs. `benchmarks/run.sh --help` says how.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ -x "$root/.venv/bin/batch" ] || { echo "benchmark: run scripts/build.sh first" >&2; exit 1; }
"$root/benchmarks/peers/install.sh"
cd "$root"
exec .venv/bin/python -m benchmarks "$@"
