#!/bin/sh
# Set-up with QEMU and a compiler for arm64, then the program in guests with other kernels.
#   scripts/matrix.sh [--short] [--retry] [--machine NAME,…] [--check NAME,…] [--list] [--update] [--write]
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # home of mkfs and bpftool, missing from an ordinary user's path
export PATH
case " $* " in
*" --short "*) scripts/setup.sh matrix-short ;;
*) scripts/setup.sh matrix ;;
esac
for node in node_modules/node-linux-*/bin/node; do
	[ ! -x "$node" ] || break
done
exec "$node" --no-warnings test/matrix/main.ts "$@"
