#!/usr/bin/env bash
# Fails when the .proto files break what clients built on: tools/breaking.sh [BASE]
#
# BASE is the commit to compare with. By default it is the last release, the newest tag proto/vX.Y.Z. While nothing is released, it is
# the last commit that was merged: for a branch, where it left main; on main itself, as in CI's fresh clone, the commit before this one;
# and with changes that are not committed yet, the commit they were made on. Without any, as in a clone of depth 1, there is nothing to compare with.
set -euo pipefail
cd "$(dirname "$0")/.."
source proto/buf.sh

base=${1:-}
if [ -z "$base" ]; then
  base=$(git tag --list 'proto/v*' --sort=-v:refname | head -n 1)
fi
if [ -z "$base" ] && [ -n "$(git status --porcelain -- proto)" ]; then
  base=HEAD
fi
for main in origin/main main; do
  if [ -z "$base" ] && git rev-parse --quiet --verify "$main^{commit}" >/dev/null; then
    base=$(git merge-base HEAD "$main" || true)
    [ "$base" != "$(git rev-parse HEAD)" ] || base=
  fi
done
if [ -z "$base" ]; then
  base=$(git rev-parse --quiet --verify 'HEAD~1^{commit}' || true)
fi
if [ -z "$base" ]; then
  echo "buf breaking: SKIPPED, this clone has no earlier commit to compare with"
  exit 0
fi
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "buf breaking: there is no commit $base" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive "$base" proto | tar -x -C "$work"
(cd proto && buf breaking --against "$work/proto")
echo "buf breaking: nothing that was in $(git describe --always --tags "$base") is broken"

# The check is checked: it has to fail without a field that is there now and was there before.
cp -r proto "$work/broken"
victim=$(grep -rlE '^  string [a-z_]+ = [0-9]+;$' "$work/proto/orderflow" | sort | head -n 1)
victim=$work/broken/${victim#"$work/proto/"}
sed -i -E '0,/^  string [a-z_]+ = [0-9]+;$/{/^  string [a-z_]+ = [0-9]+;$/d}' "$victim"
if (cd "$work/broken" && buf breaking --against "$work/proto") >"$work/found" 2>&1 || ! grep -q 'was deleted' "$work/found"; then
  echo "buf breaking did not tell that a field is gone from ${victim#"$work/broken/"}:" >&2
  cat "$work/found" >&2
  exit 1
fi
