#!/usr/bin/env bash
# Apache Kafka in KRaft mode, one broker, without Docker.
#
#   broker.sh check                            say what is missing on this machine, if anything
#   broker.sh install                          resolve the jars with Maven into .kafka/libs (once)
#   broker.sh start DIR PORT CONTROLLER_PORT   format DIR if it is new and start; returns when the port answers
#   broker.sh stop DIR                         stop the broker of DIR (SIGTERM, then SIGKILL)
#
# DIR keeps everything of one broker: server.properties, data/, broker.log, broker.pid, broker.port.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/scripts/kafka
libs=$root/.kafka/libs

fail() { printf 'broker: %s\n' "$*" >&2; exit 1; }

need_java() {
  command -v java >/dev/null || fail "java was not found; install a Java runtime of version 17 or newer"
  local version
  version=$(java -version 2>&1)
  [[ $version =~ version\ \"([0-9]+) ]] || fail "java does not say its version; Apache Kafka needs 17 or newer"
  [ "${BASH_REMATCH[1]}" -ge 17 ] || fail "java is version ${BASH_REMATCH[1]}; Apache Kafka needs 17 or newer"
}

# the pom's checksum marks a complete download: a changed pom or a broken run resolves again
installed() { [ "$(cat "$libs/.complete" 2>/dev/null)" = "$(cksum < "$here/pom.xml")" ]; }

check() {
  need_java
  installed || command -v mvn >/dev/null || fail "mvn was not found; install Apache Maven, it resolves Kafka's jars"
}

install() {
  check
  installed && return 0
  printf 'broker: resolving the jars of Apache Kafka with Maven, once\n' >&2
  rm -rf "$libs"
  mkdir -p "$libs"
  # what Maven writes is of use only when it fails; even quiet it sends terminal codes
  local said
  said=$(mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$libs" 2>&1) \
    || { printf '%s\n' "$said" >&2; fail "maven could not resolve Kafka's jars; see its output above"; }
  cksum < "$here/pom.xml" > "$libs/.complete"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The pid file's process lives and is the broker of DIR: a pid may be someone else's by now.
alive() {
  [ -s "$1/broker.pid" ] || return 1
  local pid
  pid=$(<"$1/broker.pid")
  kill -0 "$pid" 2>/dev/null || return 1
  [ ! -r "/proc/$pid/cmdline" ] || [[ $({ tr '\0' ' ' < "/proc/$pid/cmdline"; } 2>/dev/null) == *"kafka.Kafka $(realpath "$1")/"* ]]
}

# 16 random bytes as Kafka writes ids (base64url); a leading hyphen would look like an option
cluster_id() { printf 'k%s' "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | head -c 21)"; }

start() {
  local dir=$1 port=$2 controller=$3
  install
  mkdir -p "$dir"
  dir=$(realpath "$dir")
  if alive "$dir"; then
    local running
    running=$(<"$dir/broker.port")
    [ "$running" = "$port" ] || fail "the broker of $dir runs on port $running; stop it first, or set BATCH_KAFKA_PORT=$running"
    return 0
  fi
  answers "$port" && fail "port $port is in use by another program; set BATCH_KAFKA_PORT to a free one"
  answers "$controller" && fail "port $controller is in use by another program; set BATCH_KAFKA_CONTROLLER_PORT to a free one"
  local properties
  properties=$(<"$here/server.properties")
  properties=${properties//@DIR@/"$dir"}
  properties=${properties//@PORT@/"$port"}
  printf '%s\n' "${properties//@CONTROLLER_PORT@/"$controller"}" > "$dir/server.properties"
  if [ -n "${BATCH_KAFKA_EXTRA:-}" ]; then printf '%s\n' "$BATCH_KAFKA_EXTRA" >> "$dir/server.properties"; fi
  local log4j="-Dlog4j.configuration=file:$here/log4j.properties"
  if [ ! -f "$dir/data/meta.properties" ]; then
    # format makes meta.properties last: a broken run formats again
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$libs/*" "$log4j" kafka.tools.StorageTool \
      format -t "$(cluster_id)" -c "$dir/server.properties" >> "$dir/broker.log" 2>&1 || fail "the data folder could not be formatted; the log is $dir/broker.log"
  fi
  # a process group of its own, deaf to hang-ups, with no hold on the terminal
  set -m
  nohup java -Xmx512m -cp "$libs/*" "$log4j" kafka.Kafka "$dir/server.properties" \
    >> "$dir/broker.log" 2>&1 < /dev/null &
  local pid=$! tries=0
  echo "$pid" > "$dir/broker.pid"
  set +m
  echo "$port" > "$dir/broker.port"
  until answers "$port"; do
    kill -0 "$pid" 2>/dev/null || { tail -n 20 "$dir/broker.log" >&2; fail "the broker ended while starting; its log is $dir/broker.log"; }
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "the broker did not answer on port $port within 60 s; its log is $dir/broker.log"
    sleep 0.1
  done
}

stop() {
  local dir=$1 pid tries=0
  alive "$dir" || { rm -f "$dir/broker.pid"; return 0; }
  pid=$(cat "$dir/broker.pid")
  kill "$pid" 2>/dev/null || true
  while alive "$dir"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.1
  done
  rm -f "$dir/broker.pid"
}

case "${1:-}" in
  check) check ;;
  install) install ;;
  start) [ $# -eq 4 ] || fail "usage: broker.sh start DIR PORT CONTROLLER_PORT"; start "$2" "$3" "$4" ;;
  stop) [ $# -eq 2 ] || fail "usage: broker.sh stop DIR"; stop "$2" ;;
  *) fail "usage: broker.sh check | install | start DIR PORT CONTROLLER_PORT | stop DIR" ;;
esac
