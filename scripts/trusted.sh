# Root neither builds nor runs what another user could have changed. Sourced by bin/wattlag and scripts/setup.sh.
#
# As git does with the checkouts of others, the user who typed `sudo` counts as trusted: that user is root anyway.
# Trusted owners are root and $SUDO_UID; a group that may write has to be root's or $SUDO_GID.

trusted_user=${SUDO_UID:-0} trusted_group=${SUDO_GID:-0}
case $trusted_user$trusted_group in *[!0-9]*) trusted_user=0 trusted_group=0 ;; esac
# What somebody else owns or may write, as an expression of find. In a folder with the sticky bit nobody renames the files of
# others. The shell cannot read modes itself.
others="( ! -uid 0 ! -uid $trusted_user -o ! -type l -perm -002 ! -perm -1000 -o ! -type l -perm -020 ! -perm -1000 ! -gid 0 ! -gid $trusted_group )"

# refuse DOING PATH: ends the program.
refuse() {
	untrusted=$2
	case $untrusted in */.) untrusted=$(readlink -f "$untrusted") ;; esac
	echo "wattlag: refused: root would $1 what others can change: $(stat -c '%n belongs to %U:%G, mode %A' "$untrusted"); use a checkout that root owns, or give this one to root: chown -R root: DIR; chmod -R go-w DIR" >&2
	exit 1
}

# require_trusted DOING CHECKOUT DEPTH PATH...: ends the program unless these paths, and what lies below them to that depth,
# are trusted, and the checkout with every folder above it. Missing paths are trusted, and nothing below a path that ends in
# /. is checked.
require_trusted() {
	doing=$1 above=$2 depth=$3
	shift 3
	set -- "$@" "$above/node_modules/."
	while set -- "$@" "$above/." && ! [ "$above" -ef / ]; do above=$above/..; done
	# shellcheck disable=SC2086
	untrusted=$(find "$@" -maxdepth "$depth" $others -print -quit -o -name . -prune 2>/dev/null) || :
	[ -z "$untrusted" ] || refuse "$doing" "$untrusted"
}

# inspect_checkout CHECKOUT: sets stale, unless nothing is newer than the last complete build of the checkout, and ends the
# program where root (`/` is its own) would run what others can change. One process answers both, as a start waits for it.
inspect_checkout() {
	stale=$(
		CDPATH= cd -- "$1" || exit
		asked=-false newer=-true above=.
		[ ! -O / ] || asked=
		[ ! -e build/complete ] || newer='-newer build/complete'
		set --
		while set -- "$@" "$above/." && ! [ "$above" -ef / ]; do above=$above/..; done
		# folders are in the list too: they change when a file goes. Generated sources are outputs.
		# shellcheck disable=SC2086
		exec find bin build dist node_modules/. node_modules/node-linux-*/. node_modules/node-linux-*/bin "$@" \
			package.json package-lock.json native bpf scripts src \
			$asked $others -printf 'untrusted %p' -quit -o -name . -prune -o -path src/generated -prune \
			-o ! -path 'bin*' ! -path 'build*' ! -path 'dist*' ! -path 'node_modules*' $newer -printf . 2>/dev/null
	) || :
	untrusted=${stale#*untrusted }
	[ "$untrusted" != "$stale" ] || return 0
	refuse run "$1/$untrusted"
}
