#!/usr/bin/env bash
# Starts a throw-away PostgreSQL on loopback and prints its URL: .ci/postgres.sh start DIR | stop DIR.
# Installs Debian's postgresql when it is missing.
set -euo pipefail
dir=$2
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }
case $1 in
start)
  if [ -z "$(bin)" ]; then
    (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql) >&2
  fi
  port=$(free_port)
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || chown postgres "$dir"
  as_postgres "$(bin)/initdb -D $dir/data -A trust -U postgres >/dev/null" >&2
  as_postgres "$(bin)/pg_ctl -D $dir/data -w -l $dir/log -o '-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=200' start >/dev/null" >&2
  echo "postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
  ;;
stop) as_postgres "$(bin)/pg_ctl -D $dir/data -m fast -w stop >/dev/null" ;;
esac
