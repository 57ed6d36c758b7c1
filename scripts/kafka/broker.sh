#!/usr/bin/env bash
# Apache Kafka in KRaft mode, one broker, without Docker.
#
#   broker.sh install                          resolve the jars with Maven into .kafka/libs (once)
#   broker.sh start DIR PORT CONTROLLER_PORT   format DIR if it is new and start; returns when the port answers
#   broker.sh stop DIR                         stop the broker of DIR (SIGTERM, then SIGKILL)
#
# DIR keeps everything of one broker: server.properties, data/, broker.log, broker.pid.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/scripts/kafka
libs=$root/.kafka/libs

fail() { printf 'broker: %s\n' "$*" >&2; exit 1; }

need_java() {
  command -v java >/dev/null || fail "java was not found; install a Java runtime of version 17 or newer"
  local version
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ] || fail "java is version ${version:-unknown}; Apache Kafka needs 17 or newer"
}

install() {
  need_java
  # the pom's checksum marks a complete download: a changed pom or a broken run resolves again
  local want have
  want=$(cksum < "$here/pom.xml")
  have=$(cat "$libs/.complete" 2>/dev/null || true)
  [ "$want" = "$have" ] && return 0
  command -v mvn >/dev/null || fail "mvn was not found; install Apache Maven, it resolves Kafka's jars"
  rm -rf "$libs"
  mkdir -p "$libs"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$libs" \
    || fail "maven could not resolve Kafka's jars; see its output above"
  printf '%s' "$want" > "$libs/.complete"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

alive() { [ -s "$1/broker.pid" ] && kill -0 "$(cat "$1/broker.pid")" 2>/dev/null; }

start() {
  local dir=$1 port=$2 controller=$3
  install
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  alive "$dir" && return 0
  answers "$port" && fail "port $port is in use by another program; set BATCH_KAFKA_PORT to a free one"
  answers "$controller" && fail "port $controller is in use by another program; set BATCH_KAFKA_CONTROLLER_PORT to a free one"
  sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$controller|g" \
    "$here/server.properties" > "$dir/server.properties"
  if [ -n "${BATCH_KAFKA_EXTRA:-}" ]; then printf '%s\n' "$BATCH_KAFKA_EXTRA" >> "$dir/server.properties"; fi
  local log4j="-Dlog4j.configuration=file:$here/log4j.properties"
  if [ ! -f "$dir/data/meta.properties" ]; then
    local id
    id=$(java -cp "$libs/*" "$log4j" kafka.tools.StorageTool random-uuid)
    java -cp "$libs/*" "$log4j" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" >/dev/null
  fi
  setsid java -Xmx512m -cp "$libs/*" "$log4j" kafka.Kafka "$dir/server.properties" \
    >> "$dir/broker.log" 2>&1 < /dev/null &
  echo $! > "$dir/broker.pid"
  local tries=0
  until answers "$port"; do
    alive "$dir" || { tail -n 20 "$dir/broker.log" >&2; fail "the broker ended while starting; its log is $dir/broker.log"; }
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
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.1
  done
  rm -f "$dir/broker.pid"
}

case "${1:-}" in
  install) install ;;
  start) [ $# -eq 4 ] || fail "usage: broker.sh start DIR PORT CONTROLLER_PORT"; start "$2" "$3" "$4" ;;
  stop) [ $# -eq 2 ] || fail "usage: broker.sh stop DIR"; stop "$2" ;;
  *) fail "usage: broker.sh install | start DIR PORT CONTROLLER_PORT | stop DIR" ;;
esac
