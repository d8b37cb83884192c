#!/bin/sh
# Makes sure that everything the program (or, with a word, its tests, benchmarks or guests) runs from is there and built.
# Idempotent; says what it does on standard error; skipped in a few milliseconds when nothing has changed.
#   scripts/setup.sh [test|bench|matrix|matrix-short|release|packages]
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # bpftool's home, missing from an ordinary user's path

. scripts/trusted.sh

say() { printf 'wattlag setup: %s\n' "$*" >&2; }
# fail STEP FIX: one line each, and the log where there is one
fail() {
	say "failed: $1"
	[ ! -s build/setup.log ] || grep -v "^npm error$" build/setup.log | head -n 15 >&2
	say "fix: $2"
	exit 1
}

pinned_node() { # path of the Node that npm installs; nothing when it is not there
	for node in node_modules/node-linux-*/bin/node; do
		[ -x "$node" ] && echo "$node" && return
	done
}

# Anything that a build reads and that is newer than the last complete build? Directories are in the list too: they
# change when a file goes. Generated sources are outputs.
changed() {
	[ -e build/complete ] || return 0
	[ -n "$(find package.json package-lock.json native bpf scripts src -path src/generated -prune -o -newer build/complete -print -quit)" ]
}

missing_packages() { # names of Debian packages
	command -v clang >/dev/null || echo clang
	command -v bpftool >/dev/null || echo bpftool
	[ -e /usr/include/bpf/libbpf.h ] || echo libbpf-dev
	case ${1:-} in
	'') return 0 ;;
	release | packages)
		command -v ld.lld >/dev/null || echo lld
		command -v llvm-strip >/dev/null || echo llvm
		command -v dpkg-source >/dev/null || echo dpkg-dev
		command -v xz >/dev/null || echo xz-utils
		command -v tmux >/dev/null || echo tmux
		[ -x /bin/busybox ] || echo busybox-static
		[ "$1" = packages ] || return 0
		command -v rpmbuild >/dev/null || echo rpm
		command -v qemu-aarch64-static >/dev/null || echo qemu-user-static
		command -v mmdebstrap >/dev/null || echo mmdebstrap
		command -v skopeo >/dev/null || echo skopeo
		command -v podman >/dev/null || echo podman
		command -v runc >/dev/null || echo runc
		command -v systemd-nspawn >/dev/null || echo systemd-container
		return 0
		;;
	matrix | matrix-short)
		command -v qemu-system-x86_64 >/dev/null || echo qemu-system-x86
		if [ "$1" = matrix ]; then
			command -v qemu-system-aarch64 >/dev/null || echo qemu-system-arm
			# with its linker, clang builds for arm64
			command -v aarch64-linux-gnu-gcc >/dev/null || echo gcc-aarch64-linux-gnu
			[ -e /usr/aarch64-linux-gnu/include/stdio.h ] || echo libc6-dev-arm64-cross
		fi
		[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
		command -v cryptsetup >/dev/null || echo cryptsetup-bin
		command -v mkfs.btrfs >/dev/null || echo btrfs-progs
		command -v mkfs.ext4 >/dev/null || echo e2fsprogs
		command -v ip >/dev/null || echo iproute2
		command -v xz >/dev/null || echo xz-utils
		command -v zstd >/dev/null || echo zstd
		return 0
		;;
	esac
	command -v clang-format >/dev/null || echo clang-format
	command -v fio >/dev/null || echo fio
	command -v ip >/dev/null || echo iproute2
	command -v nft >/dev/null || echo nftables
	command -v iptables-legacy >/dev/null || echo iptables
	command -v mkfs.ext4 >/dev/null || echo e2fsprogs
	command -v mkfs.btrfs >/dev/null || echo btrfs-progs
	command -v runqlat >/dev/null || echo libbpf-tools
	command -v python3 >/dev/null || echo python3
	command -v perl >/dev/null || echo perl-base
	command -v losetup >/dev/null || echo mount
	command -v addpart >/dev/null || echo util-linux
	command -v promtool >/dev/null || echo prometheus
	command -v chromium >/dev/null || echo chromium
	command -v openssl >/dev/null || echo openssl
	command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || echo openssh-server
	command -v prometheus-node-exporter >/dev/null || echo prometheus-node-exporter
	command -v victoria-metrics >/dev/null || echo victoria-metrics
	command -v prometheus-pushgateway >/dev/null || echo prometheus-pushgateway
	command -v protoc >/dev/null || echo protobuf-compiler
	[ -d /usr/lib/python3/dist-packages/prometheus_client ] || echo python3-prometheus-client
	command -v perf >/dev/null || echo linux-perf
	command -v xz >/dev/null || echo xz-utils
	[ "$1" = bench ] || return 0
	command -v htop >/dev/null || echo htop
	command -v btop >/dev/null || echo btop
	command -v atop >/dev/null || echo atop
	command -v top >/dev/null || echo procps
}

install_packages() { # the names
	list=$*
	fix="install these packages (names of Debian): sudo apt-get install $list"
	command -v apt-get >/dev/null || fail "system packages are missing and there is no apt-get: $list" "$fix"
	[ "$(id -u)" = 0 ] || fail "system packages are missing: $list" "$fix"
	say "installing system packages: $list"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update >build/setup.log 2>&1 || fail "apt-get update" "check the network and the package sources in /etc/apt"
	# shellcheck disable=SC2086
	apt-get install -y --no-install-recommends $list >build/setup.log 2>&1 || fail "apt-get install $list" "$fix"
}

main() {
	# root (`/` is its own) runs compilers and scripts of this tree
	[ ! -O / ] || require_trusted build . 100 bin bpf native scripts src test package.json package-lock.json node_modules build dist
	if ! mkdir -p build src/generated 2>/dev/null || [ ! -w build ]; then
		fail "the build is missing or older than its sources, and this user may not write build/" "run it once as the owner of the checkout: sudo bin/wattlag version"
	fi
	packages=$(missing_packages "${1:-}" | tr '\n' ' ')
	if [ -n "$packages" ] || [ -z "$(pinned_node)" ] || changed; then
		# two starts at once: the second waits, then finds everything done
		exec 9>build/lock
		flock -n 9 || { say "waiting for another set-up to finish"; flock 9; }
		packages=$(missing_packages "${1:-}" | tr '\n' ' ')
		npm=
		if [ -z "$(pinned_node)" ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then npm=yes; fi
		[ -z "$packages" ] || say "will install these packages of the system, by apt-get: $packages"
		[ -z "$npm" ] || say "will install npm packages and a Node of its own below node_modules/ (about 250 MB, once)"
		# shellcheck disable=SC2086
		[ -z "$packages" ] || install_packages $packages
		if [ -n "$npm" ]; then
			say "installing npm packages"
			# not npm ci: it refuses a lock file that lacks other platforms' builds, and some registries do not carry those
			NODE_ENV= npm install --include=dev --include=optional --no-save --no-audit --no-fund --loglevel=error >build/setup.log 2>&1 || fail "npm install" "check that the npm registry can be reached (npm ping), then run this again"
			[ -n "$(pinned_node)" ] || fail "npm install brought no Node for $(uname -m)" "wattlag supports x86-64 and arm64 Linux"
		fi
		if changed; then
			: >build/setup.log
			"$(pinned_node)" --no-warnings scripts/build.ts || fail "build" "the message above names the file; a clean start is: rm -rf build dist node_modules"
		fi
		exec 9>&-
	fi
}

main "$@"
