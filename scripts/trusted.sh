# Root neither builds nor runs what another user could have changed. Sourced by bin/wattlag and scripts/setup.sh.
#
# As git does with the checkouts of others, the user who typed `sudo` counts as trusted: that user is root anyway.
# Trusted owners are root and $SUDO_UID; a group that may write has to be root's or $SUDO_GID.

# untrusted DEPTH PATH...: the first of these paths, and of what lies below them to that depth, that somebody else owns or
# may write; nothing: none. Missing ones are trusted. In a folder with the sticky bit nobody renames the files of others.
untrusted() {
	depth=$1
	shift
	find "$@" -maxdepth "$depth" \( ! -uid 0 ! -uid "${SUDO_UID:-0}" \
		-o ! -type l -perm -002 ! -perm -1000 \
		-o ! -type l -perm -020 ! -perm -1000 ! -gid 0 ! -gid "${SUDO_GID:-0}" \) -print -quit 2>/dev/null || :
}

# require_trusted DOING CHECKOUT DEPTH PATH...: ends the program unless these paths below the checkout are trusted, to that
# depth, and the checkout with every folder above it.
require_trusted() {
	doing=$1 checkout=$2 depth=$3
	shift 3
	found=$(untrusted "$depth" "$@")
	if [ -z "$found" ]; then
		above=$(cd "$checkout" && pwd -P)
		set -- "$above" "$above/node_modules"
		while [ -n "$above" ]; do
			above=${above%/*}
			set -- "$@" "${above:-/}"
		done
		found=$(untrusted 0 "$@")
	fi
	[ -n "$found" ] || return 0
	echo "wattlag: refused: root would $doing what others can change: $(stat -c '%n belongs to %U:%G, mode %A' "$found"); use a checkout that root owns, or give this one to root: chown -R root: DIR; chmod -R go-w DIR" >&2
	exit 1
}
