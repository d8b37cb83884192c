#!/usr/bin/env bash
# A machine that misbehaves, in a minute: test/incident.sh DIR [PHASE_SECONDS]
# Recorded to DIR with marks: a storm of writes (fio), CPU hogs, a control group out of its CPU quota, and an end for want
# of memory in a group of its own. Then `wattlag replay DIR` by keyboard: `;` goes from finding to finding.
set -euo pipefail
dir=${1:?name a folder for the recording}
phase=${2:-10}
wattlag=$(dirname "$0")/../bin/wattlag
work=$(mktemp -d)
name=wattlag-incident-$$
old=/sys/fs/cgroup/memory/memory.limit_in_bytes
if [ -e "$old" ]; then
	memory=/sys/fs/cgroup/memory/$name cpu=/sys/fs/cgroup/cpu/$name
else
	memory=/sys/fs/cgroup/$name-memory cpu=/sys/fs/cgroup/$name-cpu
fi
started=()

end() {
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rmdir "$memory" "$cpu" 2>/dev/null || true
	rm -rf "$work"
}
trap end EXIT

mark() { "$wattlag" record "$dir" --mark "$1"; }
quiet() { sleep "$((phase > 2 ? phase / 2 : 1))"; }

mkdir "$memory" "$cpu"
"$wattlag" record "$dir" &
started+=($!)
for _ in $(seq 100); do
	[ -n "$(find "$dir" -name 'seg-*.wlr' -size +1k 2>/dev/null)" ] && break
	sleep 0.2
done
quiet

mark 'writes begin'
fio --name=storm --filename="$work/storm" --size=64m --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=128 \
	--time_based --runtime="$phase" --output=/dev/null
quiet

mark 'hogs begin'
hogs=()
for _ in $(seq $(($(nproc) * 2))); do
	timeout "$phase" bash -c 'exec -a hog bash -c "while :; do :; done"' &
	hogs+=($!)
done
wait "${hogs[@]}" || true
quiet

mark 'quota begins'
if [ -e "$old" ]; then
	echo 100000 >"$cpu/cpu.cfs_period_us"
	echo 10000 >"$cpu/cpu.cfs_quota_us"
else
	echo '10000 100000' >"$cpu/cpu.max"
fi
timeout "$phase" sh -c 'echo $$ >'"$cpu"'/cgroup.procs; while :; do :; done' || true
quiet

mark 'memory ends'
if [ -e "$old" ]; then echo $((32 << 20)) >"$memory/memory.limit_in_bytes"; else echo $((32 << 20)) >"$memory/memory.max"; fi
timeout "$phase" sh -c 'echo $$ >'"$memory"'/cgroup.procs; exec python3 -c "
held = []
while True: held.append(bytearray(1 << 20))"' 2>"$work/out-of-memory" || true
quiet
kill -INT "${started[0]}"
wait "${started[0]}" || true
started=()
