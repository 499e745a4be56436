#!/usr/bin/env bash
# Checks the documents that users get: OpenAPI by Redocly's recommended rules, the event catalogue by AsyncAPI's parser.
# Needs Node 20 or later; the tools are installed from tools/documents/package-lock.json into .cache/documents.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/documents
mkdir -p "$cache"
if ! cmp -s tools/documents/package-lock.json "$cache/installed.json"; then
  cp tools/documents/package.json tools/documents/package-lock.json "$cache"
  npm ci --silent --no-fund --no-audit --ignore-scripts --omit-lockfile-registry-resolved --prefix "$cache"
  cp tools/documents/package-lock.json "$cache/installed.json"
fi
cp tools/documents/asyncapi.mjs "$cache" # beside what it imports
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
"$cache/node_modules/.bin/redocly" lint --config tools/documents/redocly.yaml --max-problems 1000 proto/openapi/*.json
node "$cache/asyncapi.mjs" schemas/asyncapi.json
