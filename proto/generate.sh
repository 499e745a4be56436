#!/usr/bin/env bash
# Checks the .proto files and generates gen/ and openapi/ from them: proto/generate.sh
# Needs Go, and buf or npm. The plugins, and buf when it is missing or another version, go to .cache/proto/bin of the repository.
set -euo pipefail
cd "$(dirname "$0")"

source ./buf.sh
bin=$cache/bin
export GOBIN=$bin GOWORK=off GOFLAGS=-mod=mod

# install COMMAND WANTED PACKAGE@VERSION installs a plugin unless --version already says WANTED.
install() {
  "$bin/$1" --version 2>/dev/null | grep -qF "$2" || go install "$3"
}
install protoc-gen-go v1.36.12 google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
install protoc-gen-go-grpc 1.6.2 google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
install protoc-gen-grpc-gateway v2.32.0 github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway@v2.32.0
install protoc-gen-openapiv2 v2.32.0 github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2@v2.32.0
buf format --diff --exit-code --path orderflow
buf lint
buf generate

# The REST interface: OpenAPI 2 as the plugin reads it, made version 3 and completed by tools/openapi.
services=(order inventory payment notifier)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for service in "${services[@]}"; do
  buf generate --path "orderflow/$service" --template "{
    version: v2,
    plugins: [{local: protoc-gen-openapiv2, out: $work, opt: [
      allow_merge=true, merge_file_name=$service, openapi_naming_strategy=simple, disable_default_errors=true, allow_patch_feature=false]}]}"
done
buf build -o "$work/image.binpb"
(cd .. && GOWORK='' GOFLAGS='' go run ./tools/openapi -image "$work/image.binpb" -swagger "$work" \
  -overlays proto/openapi/overlay -out proto/openapi "${services[@]}")
