#!/usr/bin/env bash
# Generates the Go files beside it. Needs what proto/generate.sh installs, which tools/generate.sh runs before it.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../../.. && pwd)
export PATH=$root/.cache/proto/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/proto/third_party" "$work/third_party"
mkdir "$work/test" && cp test.proto "$work/test"
cd "$work"
echo '{version: v2, modules: [{path: test}, {path: third_party}]}' >buf.yaml
buf generate --path test/test.proto --output "$OLDPWD" --template '{version: v2, plugins: [
  {local: protoc-gen-go, out: ., opt: [paths=source_relative]},
  {local: protoc-gen-go-grpc, out: ., opt: [paths=source_relative]},
  {local: protoc-gen-grpc-gateway, out: ., opt: [paths=source_relative]}]}'
