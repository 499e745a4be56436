#!/usr/bin/env bash
# Builds and tests modules as anybody else would get them: GOWORK=off, our other modules at the versions that go.mod
# pins, taken from a file module proxy made of this tree. tools/standalone.sh [DIR...] (default: the four services).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
[ $# -gt 0 ] || set -- services/order services/inventory services/payment services/notifier
exec 9>"${TMPDIR:-/tmp}/orderflow-tidy.lock"
flock 9
work=$(mktemp -d)
cache=$(go env GOMODCACHE)
export GODEBUG=goindex=0 # the module cache's index outlives a version whose content changes
forget() { chmod -R u+w "$cache/orderflow.example" 2>/dev/null || true; rm -rf "$cache/orderflow.example" "$cache/cache/download/orderflow.example"; }
trap 'forget; rm -rf "$work"' EXIT
echo "packing the modules into a file proxy"
go run ./tools/modproxy -root . -out "$work/proxy"
forget
for dir in "$@"; do
  echo "== $dir, GOWORK=off"
  mkdir -p "$work/$dir"
  cp -r "$dir/." "$work/$dir" # a copy: the sums of unpublished modules are not to be committed
  (
    cd "$work/$dir"
    export GOWORK=off GOFLAGS=-mod=mod GONOSUMDB=orderflow.example GOPROXY="file://$work/proxy,$(go env GOPROXY)"
    go build ./...
    go vet ./...
    go test ./...
  )
done
