#!/usr/bin/env bash
# Prints the path of stripe-mock, Stripe's own mock of its API, at a pinned version kept in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v0.197.0
bin="$PWD/.cache/stripe-mock-$version"
[ -x "$bin/stripe-mock" ] || GOBIN="$bin" GOWORK=off GOFLAGS= go install "github.com/stripe/stripe-mock@$version" >&2
echo "$bin/stripe-mock"
