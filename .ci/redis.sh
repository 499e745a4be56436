#!/usr/bin/env bash
# Starts a throw-away Redis on loopback and prints its URL: .ci/redis.sh start DIR | stop DIR.
# Installs Debian's redis-server when it is missing.
set -euo pipefail
dir=$2
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
case $1 in
start)
  if ! command -v redis-server >/dev/null; then
    (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server) >&2
  fi
  port=$(free_port)
  mkdir -p "$dir"
  redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' --daemonize yes --pidfile "$dir/pid" --logfile "$dir/log" >&2
  for _ in $(seq 100); do
    if redis-cli -p "$port" ping >/dev/null 2>&1; then
      echo "redis://127.0.0.1:$port"
      exit 0
    fi
    sleep 0.1
  done
  cat "$dir/log" >&2
  exit 1
  ;;
stop) kill "$(cat "$dir/pid")" ;;
esac
