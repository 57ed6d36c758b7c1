#!/usr/bin/env bash
# Bring broker and worker up and wait until they are ready. What runs already stays as it is.
#
# The broker: BATCH_BOOTSTRAP_SERVERS if given; else Redpanda, with a Docker engine; else Apache Kafka on this
# machine, on BATCH_KAFKA_PORT (9092) and BATCH_KAFKA_CONTROLLER_PORT (9093). The worker takes its settings from
# the environment (docs/settings.md); relative paths start at the project's folder. Without Python and with Docker
# the worker runs in Docker too, as docker-compose.yml says.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
[ $# -eq 0 ] || { printf 'usage: scripts/up.sh\n' >&2; exit 2; }

# A service's port that something else has is named before Docker stumbles over it.
need_port() {
  local service=$1 port=$2 setting=$3
  if [ -z "$(compose ps --quiet --status running "$service")" ] && answers 127.0.0.1 "$port"; then
    fail "port $port is in use by another program; set $setting to a free one"
  fi
}

start_services() {
  local service
  for service; do
    case $service in
      redpanda) need_port redpanda "$kafka_port" BATCH_KAFKA_PORT ;;
      console) need_port console "$console_port" BATCH_CONSOLE_PORT ;;
      worker) need_port worker "$web_port" BATCH_WEB_PORT ;;
    esac
  done
  compose up --detach --wait "$@" || fail "docker compose could not start $*; see its output above"
}

start_in_image() {
  [ -z "${BATCH_BOOTSTRAP_SERVERS:-}" ] \
    || fail "BATCH_BOOTSTRAP_SERVERS is for a worker outside of Docker; install Python 3.11 or newer, or unset it"
  say "without Python here: Redpanda, its console (http://localhost:$console_port) and the worker in Docker"
  mkdir -p "$run"
  as_this_user
  start_services redpanda console worker
}

start_broker() {
  case $(broker_mode) in
    given) say "broker: $BATCH_BOOTSTRAP_SERVERS, as given" ;;
    compose)
      say "broker: Redpanda in Docker, on port $kafka_port; its console is http://localhost:$console_port"
      start_services redpanda console
      export BATCH_BOOTSTRAP_SERVERS=127.0.0.1:$kafka_port
      ;;
    local)
      if docker_engine; then say "docker has no compose plugin, so the broker runs without Docker"; fi
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

# In the image the command line finds the worker by itself.
ask_status() { if $in_image; then "$batch" status; else BATCH_URL=$url "$batch" status; fi; }

wait_until_ready() {
  local line deadline=$((SECONDS + 120)) tell=$((SECONDS + 10)) said=$run/status
  until ask_status > /dev/null 2> "$said"; do
    if ! $in_image && ! kill -0 "$(<"$worker_dir/worker.pid")" 2>/dev/null; then
      tail -n 20 "$worker_dir/worker.log" >&2
      fail "the worker ended while starting; its log is $worker_dir/worker.log"
    fi
    if [ $SECONDS -ge $deadline ]; then
      cat "$said" >&2
      fail "the worker runs but is not ready after 120 s; $log_hint"
    fi
    if [ $SECONDS -ge $tell ]; then
      line=$(head -n 1 "$said")
      say "not ready yet: ${line#error: }"
      tell=$deadline
    fi
    sleep 0.2
  done
}

"$root/scripts/build.sh"
read_settings
if $in_image; then
  start_in_image
else
  start_broker
  start_worker
fi
wait_until_ready
say "ready: $url/ui/ shows jobs and health"
if ! $in_image && [ "$url" != http://127.0.0.1:8000 ]; then say "for bin/batch: export BATCH_URL=$url"; fi
