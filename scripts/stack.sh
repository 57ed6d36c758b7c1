# What the scripts know of the local stack: where its parts live, and whether they run. Sourced, not run.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
run=$root/.run
kafka_dir=$run/kafka
worker_dir=$run/worker
python=$root/.venv/bin/python
batch=$root/.venv/bin/batch
compose_file=$root/docker-compose.yml
image=batch-worker:latest
kafka_port=${BATCH_KAFKA_PORT:-9092}
kafka_controller_port=${BATCH_KAFKA_CONTROLLER_PORT:-9093}
console_port=${BATCH_CONSOLE_PORT:-8080}

say() { printf '==> %s\n' "$*"; }

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

docker_engine() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

compose_works() { [ -f "$compose_file" ] && docker_engine && docker compose version >/dev/null 2>&1; }

compose() { docker compose --file "$compose_file" "$@"; }

# docker-compose.yml lets the worker write the dropzone as this user
as_this_user() {
  GID=$(id -g)
  export UID GID
}

# Print the first Python that fits: BATCH_PYTHON, else the usual names.
find_python() {
  local candidate
  for candidate in ${BATCH_PYTHON:+"$BATCH_PYTHON"} python3.11 python3.12 python3.13 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# No Python here, but Docker: worker and command line run in the image then.
only_docker() { ! find_python >/dev/null && compose_works; }

image_python() { docker run --rm --interactive --network none "$image" python "$@"; }

# Which broker: the one given, Redpanda in Docker, or Apache Kafka on this machine.
broker_mode() {
  if [ -n "${BATCH_BOOTSTRAP_SERVERS:-}" ]; then
    echo given
  elif compose_works; then
    echo compose
  else
    echo local
  fi
}

answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# The pid file's process lives and is a worker of this folder: a pid may be someone else's by now.
worker_alive() {
  [ -s "$worker_dir/worker.pid" ] || return 1
  local pid
  pid=$(<"$worker_dir/worker.pid")
  kill -0 "$pid" 2>/dev/null || return 1
  [ ! -r "/proc/$pid/cmdline" ] || [[ $({ tr '\0' ' ' < "/proc/$pid/cmdline"; } 2>/dev/null) == *"$batch worker"* ]]
}

# Read the worker's settings as the worker will: sets web_host, web_port, url, dropzone, data_dir, default_model,
# and in_image: the worker's and `$batch`'s place. `log_hint` says where the worker's log is.
read_settings() {
  if only_docker; then read_image_settings; else read_own_settings; fi
}

# What docker-compose.yml sets; the worker's data is in a volume.
read_image_settings() {
  in_image=true
  log_hint="\`docker compose logs worker\` shows its log"
  batch=$root/bin/batch
  python=image_python
  web_host=127.0.0.1
  web_port=${BATCH_WEB_PORT:-8000}
  url=http://$web_host:$web_port
  dropzone=$root/dropzone
  data_dir=$root/.data
  default_model=default_model
}

read_own_settings() {
  in_image=false
  log_hint="its log is $worker_dir/worker.log"
  local lines
  lines=$(cd "$root" && "$python" -c '
from config.settings import SettingsError, load_settings

try:
    settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"error: {error}")
host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web_host, settings.web_host)
url = "http://" + (f"[{host}]" if ":" in host else host) + f":{settings.web_port}"
servers = settings.bootstrap_servers if "bootstrap_servers" in settings.model_fields_set else ""
print(host, settings.web_port, url, settings.dropzone, settings.data_dir, servers, settings.default_model, sep="\n")
') || exit 1
  {
    read -r web_host
    read -r web_port
    read -r url
    read -r dropzone
    read -r data_dir
    read -r servers
    read -r default_model
  } <<< "$lines"
  # a broker named in the file BATCH_CONFIG is given as well
  if [ -n "$servers" ]; then export BATCH_BOOTSTRAP_SERVERS=$servers; fi
}
