#!/bin/sh
# Set-up, format, lint, types, then the tests. Arguments go to the test runner: npm test -- test/unit/filter.test.ts
#   scripts/test.sh unit [OPTION…]     set-up, then only what needs neither kernel nor screen
#   scripts/test.sh screen [OPTION…]   set-up, then only golden screens and keys
#   scripts/test.sh kernel [OPTION…]   set-up, then only what needs the running one (two projects of vitest.config.ts)
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh test
for node in node_modules/node-linux-*/bin/node; do
	[ ! -x "$node" ] || break
done
step() { printf 'wattlag test: %s\n' "$1" >&2; }
PATH=$PWD/$(dirname "$node"):$PATH:/usr/sbin:/sbin
export PATH
case ${1:-} in
unit | screen)
	project=$1
	shift
	set -- --project "$project" "$@"
	;;
kernel)
	shift
	set -- --project program --project kernel "$@"
	;;
*)
	step "format and lint"
	node node_modules/@biomejs/biome/bin/biome ci --error-on-warnings .
	find bpf native test -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
	step "types"
	node node_modules/typescript/bin/tsc -p .
	;;
esac
step "tests"
exec node node_modules/vitest/vitest.mjs run "$@"
