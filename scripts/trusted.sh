# Root neither builds nor runs what another user could have changed. Sourced by bin/wattlag and scripts/setup.sh.
#
# As git does with the checkouts of others, the user who typed `sudo` counts as trusted: that user is root anyway.
# Trusted owners are root and $SUDO_UID; a group that may write has to be root's or $SUDO_GID.

# find_untrusted DEPTH PATH...: sets untrusted to the first of these paths, and of what lies below them to that depth, that
# somebody else owns or may write; empty: none. Missing ones are trusted, and nothing below a path that ends in /. is
# checked. In a folder with the sticky bit nobody renames the files of others. The shell cannot read modes itself: this is
# the one process that a start as root takes.
find_untrusted() {
	depth=$1
	shift
	untrusted=$(find "$@" -maxdepth "$depth" \( ! -uid 0 ! -uid "${SUDO_UID:-0}" \
		-o ! -type l -perm -002 ! -perm -1000 \
		-o ! -type l -perm -020 ! -perm -1000 ! -gid 0 ! -gid "${SUDO_GID:-0}" \) -print -quit -o -name . -prune 2>/dev/null) || :
}

# require_trusted DOING CHECKOUT DEPTH PATH...: ends the program unless these paths below the checkout are trusted, to that
# depth, and the checkout with every folder above it.
require_trusted() {
	doing=$1 above=$2 depth=$3
	shift 3
	set -- "$@" "$above/node_modules/."
	while set -- "$@" "$above/." && ! [ "$above" -ef / ]; do above=$above/..; done
	find_untrusted "$depth" "$@"
	[ -n "$untrusted" ] || return 0
	case $untrusted in */.) untrusted=$(readlink -f "$untrusted") ;; esac
	echo "wattlag: refused: root would $doing what others can change: $(stat -c '%n belongs to %U:%G, mode %A' "$untrusted"); use a checkout that root owns, or give this one to root: chown -R root: DIR; chmod -R go-w DIR" >&2
	exit 1
}
