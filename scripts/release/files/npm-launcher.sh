#!/bin/sh
# Starts wattlag from its npm package, with the Node that was installed with it, or the user's where there is none.
set -eu
self=$(readlink -f "$0")
root=${self%/bin/*}
if [ -O / ]; then # this is root
	. "$root/bin/trusted.sh"
	require_trusted run "$root" 3 "$root"
fi
. "$root/bin/node-flags.sh"
kind_of_run "$@"
clean_environment
export $malloc_settings
[ ! -w "$root" ] || export NODE_COMPILE_CACHE="$root/cache/$kind"
case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) arch=none ;; esac
# installed below this package, or beside it
for node in "$root/node_modules/wattlag-node-linux-$arch/bin/node" "$root/../wattlag-node-linux-$arch/bin/node"; do
	if [ -x "$node" ]; then
		[ ! -O / ] || require_trusted run "$root" 1 "${node%/bin/node}" "${node%/node}"
		exec "$node" $young $any_flags "$root/dist/wattlag.mjs" "$@"
	fi
done
node=$(command -v node) || {
	echo "wattlag: there is no Node for this machine; install Node 20 or newer" >&2
	exit 1
}
case $("$node" --version) in
v[0-9].* | v1[0-9].*)
	echo "wattlag: $node is $("$node" --version); Node 20 or newer is needed" >&2
	exit 1
	;;
esac
exec "$node" $young $any_flags "$root/dist/wattlag.mjs" "$@"
