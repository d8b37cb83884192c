#!/bin/sh
# Set-up, then a script or tool of the checkout, run by the pinned Node.
#   scripts/run.sh FILE [ARGUMENT…]
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
for node in node_modules/node-linux-*/bin/node; do
	[ ! -x "$node" ] || break
done
exec "$node" --no-warnings "$@"
