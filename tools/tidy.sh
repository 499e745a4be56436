#!/usr/bin/env bash
# Tidies modules of this workspace: tools/tidy.sh [DIR...] (default: all of go.work).
# Our own modules come from a file module proxy made of the working tree, because they are not published.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
exec 9>"${TMPDIR:-/tmp}/orderflow-tidy.lock"
flock 9
proxy=$(mktemp -d)
trap 'rm -rf "$proxy"' EXIT
cache=$(go env GOMODCACHE)
export GODEBUG=goindex=0 # the module cache's index outlives a version whose content changes
forget() { chmod -R u+w "$cache/orderflow.example" 2>/dev/null || true; rm -rf "$cache/orderflow.example" "$cache/cache/download/orderflow.example"; }
go run ./tools/modproxy -root . -out "$proxy" >/dev/null
[ $# -gt 0 ] || set -- $(go list -m -f '{{.Dir}}')
for dir in "$@"; do
  forget
  (cd "$dir" && touch go.sum && sed -i '/^orderflow\.example\//d' go.sum &&
    GOWORK=off GOFLAGS=-mod=mod GONOSUMDB=orderflow.example GOPROXY="file://$proxy,$(go env GOPROXY)" go mod tidy &&
    sed -i '/^orderflow\.example\//d' go.sum)
done
forget
