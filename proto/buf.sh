# To be sourced: puts buf, at its pinned version, in the PATH. It comes from npm when it is missing or another version, and stays in
# .cache/proto of the repository.
buf_version=1.75.0
cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.cache/proto
mkdir -p "$cache/bin"
export PATH=$cache/bin:$PATH
if [ "$(buf --version 2>/dev/null)" != "$buf_version" ]; then
  npm install --silent --no-save --prefix "$cache" "@bufbuild/buf@$buf_version"
  ln -sf ../node_modules/.bin/buf "$cache/bin/buf"
  # npm may be set to run no install scripts; this one fetches the binary from the package registry.
  buf --version >/dev/null 2>&1 || node "$cache/node_modules/@bufbuild/buf/install.js"
  buf --version >/dev/null
fi
