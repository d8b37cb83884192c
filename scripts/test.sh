#!/bin/sh
# Set-up, format, lint, types, then the tests. Arguments go to the test runner: npm test -- test/unit
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh test
for node in node_modules/node-linux-*/bin/node; do
	[ ! -x "$node" ] || break
done
step() { printf 'wattlag test: %s\n' "$1" >&2; }
PATH=$PWD/$(dirname "$node"):$PATH
export PATH
step "format and lint"
node node_modules/@biomejs/biome/bin/biome ci --error-on-warnings .
find bpf native test -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
step "types"
node node_modules/typescript/bin/tsc -p .
step "tests"
exec node node_modules/vitest/vitest.mjs run "$@"
