#!/usr/bin/env bash
# grpcurl at a pinned version, kept in .cache/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.9.3
bin="$PWD/.cache/bin"
if ! go version -m "$bin/grpcurl" 2>/dev/null | grep -q "fullstorydev/grpcurl.*$version"; then
  GOBIN="$bin" GOWORK=off GOFLAGS= go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version"
fi
