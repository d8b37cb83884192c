#!/bin/sh
# Set-up with all that is measured against, then the accuracy table or the benchmarks.
#   scripts/proof.sh verify|bench [OPTION…]
set -eu
cd "$(dirname "$0")/.."
name=$1
shift
[ "$(id -u)" = 0 ] || {
	echo "$name: needs root: sudo npm run $name" >&2
	exit 1
}
scripts/setup.sh bench
for node in node_modules/node-linux-*/bin/node; do
	[ ! -x "$node" ] || break
done
exec "$node" --no-warnings "test/$name/main.ts" "$@"
