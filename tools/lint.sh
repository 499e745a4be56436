#!/usr/bin/env bash
# golangci-lint over every module, at a pinned version kept in .cache/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.5.0
bin="$PWD/.cache/bin"
if ! "$bin/golangci-lint" version 2>/dev/null | grep -q "${version#v}"; then
  GOBIN="$bin" GOWORK=off GOFLAGS= go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
fi
[ $# -gt 0 ] || set -- $(go list -m -f '{{.Dir}}')
for dir in "$@"; do
  (cd "$dir" && "$bin/golangci-lint" run --config "$OLDPWD/.golangci.yml" ./...)
done
