# How launchers run Node: bin/wattlag and the one of the npm package source this; scripts/node-flags.ts reads the values for
# native/launcher, guests and benches. To be sourced.

# MB of the young generation. Of a screen it is that of the thread that draws, which makes little garbage; the sampling thread
# has more (src/lib/young-generation.ts). Without a screen: 1 MB takes 4 MB of memory less and an eighth more CPU time.
screen_flags='--min-semi-space-size=1 --max-semi-space-size=1'
batch_flags='--min-semi-space-size=2 --max-semi-space-size=2'
# One helper thread of V8. The limit of the heap decides how far V8 lets garbage grow before it collects all of it: to 1.6 times
# of what is in use by 1 GB, to four times by its own limit of 2 GB and more.
any_flags='--v8-pool-size=1 --max-old-space-size=1024'
# One heap of malloc instead of one per thread: mostly 5 to 15 MB less. Free memory above 128 kB is given back, as glibc does
# until the first large block was freed: 13 MB less.
malloc_settings='MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072'
# Variables that make Node, the C library or OpenSSL load code or files, by how they begin.
loading='NODE_ LD_ GLIBC_ GCONV_PATH LOCPATH NLSPATH MALLOC_ OPENSSL_ SSL_ UV_ WATTLAG_DIR WATTLAG_NVML_LIBRARY'

# Drops these variables: a user who may start this program as root with an environment of choice (sudo -E) does not choose what
# root runs. The native launcher does the same.
clean_environment() {
	set -f
	# shellcheck disable=SC2046,SC2086
	eval "drop() { case \$1 in *[!A-Za-z0-9_]*) ;; $(printf '%s* | ' $loading)'') unset \"\$1\" ;; esac }"
	# a line of a value that has the form of a name drops that name at most
	for word in $(export -p); do drop "${word%%=*}"; done
	set +f
}

# Sets kind (screen or batch) and young, the flags of this kind, for the words of a command line. native/launcher/launch.c
# decides in the same way.
kind_of_run() {
	kind=batch young=$batch_flags
	[ -t 0 ] && [ -t 1 ] || return 0
	case ${1-} in -* | '' | replay) ;; *) return 0 ;; esac
	case " $*" in *" -"[hVbv]* | *" --help"* | *" --ver"* | *" --batch"*) return 0 ;; esac
	kind=screen young=$screen_flags
}
