#!/usr/bin/env bash
# Makes all generated code again: event structs and their catalogue, gRPC and OpenAPI, the service that kit/server is tested with, the demo's
# catalogue.
set -euo pipefail
cd "$(dirname "$0")/.."
(cd schemas && go generate ./...)
proto/generate.sh
kit/server/internal/testpb/generate.sh
(cd dev && go generate ./catalogue/...)
