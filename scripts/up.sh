#!/usr/bin/env bash
# Bring broker and worker up and wait until they are ready. What runs already stays as it is.
#
# The broker: BATCH_BOOTSTRAP_SERVERS if given; else Redpanda, with a Docker engine; else Apache Kafka on this
# machine, on BATCH_KAFKA_PORT (9092) and BATCH_KAFKA_CONTROLLER_PORT (9093). The worker takes its settings from
# the environment (docs/settings.md); relative paths start at the project's folder.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

start_broker() {
  case $(broker_mode) in
    given) say "broker: $BATCH_BOOTSTRAP_SERVERS, as given" ;;
    compose)
      say "broker: Redpanda in Docker; its console is http://localhost:8080"
      docker compose -f "$compose_file" up --detach --wait redpanda console \
        || fail "docker compose could not start the broker; see its output above"
      export BATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092
      ;;
    local)
      say "broker: Apache Kafka on port $kafka_port, data in .run/kafka"
      "$root/scripts/kafka/broker.sh" start "$kafka_dir" "$kafka_port" "$kafka_controller_port" || exit 1
      export BATCH_BOOTSTRAP_SERVERS=127.0.0.1:$kafka_port
      ;;
  esac
}

start_worker() {
  if worker_alive; then
    local running
    running=$(cat "$worker_dir/url")
    [ "$running" = "$url" ] || fail "a worker of this folder runs at $running; stop it first with scripts/down.sh"
    return 0
  fi
  if answers "$web_host" "$web_port"; then
    fail "port $web_port is in use by another program; set BATCH_WEB_PORT to a free one"
  fi
  say "worker: $url, log in .run/worker/worker.log"
  mkdir -p "$worker_dir"
  printf '%s\n' "$url" > "$worker_dir/url"
  printf '%s\n' "$data_dir" > "$worker_dir/data_dir"
  printf '%s\n' "$dropzone" > "$worker_dir/dropzone"
  # a process group of its own, deaf to hang-ups, with no hold on the terminal
  cd "$root"
  set -m
  nohup "$batch" worker >> "$worker_dir/worker.log" 2>&1 < /dev/null &
  printf '%s\n' $! > "$worker_dir/worker.pid"
  set +m
}

wait_until_ready() {
  local deadline=$((SECONDS + 120)) said=$worker_dir/status
  until BATCH_URL=$url "$batch" status > /dev/null 2> "$said"; do
    if ! kill -0 "$(<"$worker_dir/worker.pid")" 2>/dev/null; then
      tail -n 20 "$worker_dir/worker.log" >&2
      fail "the worker ended while starting; its log is $worker_dir/worker.log"
    fi
    if [ $SECONDS -ge $deadline ]; then
      cat "$said" >&2
      fail "the worker runs but is not ready after 120 s; its log is $worker_dir/worker.log"
    fi
    sleep 0.2
  done
}

"$root/scripts/build.sh"
read_settings
start_broker
start_worker
wait_until_ready
say "ready: $url/ui/ shows jobs and health"
if [ "$url" != http://127.0.0.1:8000 ]; then say "for bin/batch: export BATCH_URL=$url"; fi
