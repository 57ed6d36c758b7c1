#!/usr/bin/env bash
# Stop the worker, then the broker that up.sh started.
#
#   --clean   also delete the broker's data and the worker's data dir, in Docker their volumes; the files in the
#             dropzone stay
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
case "$#:${1:-}" in
  0:) clean=false ;;
  1:--clean) clean=true ;;
  *) printf 'usage: scripts/down.sh [--clean]\n' >&2; exit 2 ;;
esac

stop_worker() {
  worker_alive || return 0
  local pid deadline=$((SECONDS + 25))
  pid=$(<"$worker_dir/worker.pid")
  say "stopping the worker"
  kill "$pid" 2>/dev/null || true
  while worker_alive; do
    if [ $SECONDS -ge $deadline ]; then
      say "the worker did not stop within 25 s; killing it"
      kill -9 "$pid" 2>/dev/null || true
    fi
    sleep 0.1
  done
}

stop_broker() {
  if [ -s "$kafka_dir/broker.pid" ]; then say "stopping the broker"; fi
  "$root/scripts/kafka/broker.sh" stop "$kafka_dir"
  if compose_works; then
    if $clean; then compose down --volumes; else compose down; fi
  fi
}

# The data dir that up.sh noted, unless it holds more than data: BATCH_DATA_DIR may have named anything.
delete_data() {
  local data_dir dropzone place
  data_dir=$(realpath -m "$(cat "$worker_dir/data_dir" 2>/dev/null || echo "$root/.data")")
  dropzone=$(realpath -m "$(cat "$worker_dir/dropzone" 2>/dev/null || echo "$root/dropzone")")
  for place in "$root" "$dropzone"; do
    case $place/ in
      "${data_dir%/}"/*) fail "the data dir $data_dir holds $place; delete its data by hand" ;;
    esac
  done
  say "deleting $data_dir and .run"
  rm -rf -- "$data_dir" "$run"
}

stop_worker
stop_broker
rm -f "$worker_dir/worker.pid"
if $clean; then delete_data; fi
