// SPDX-License-Identifier: GPL-2.0
/*
 * Every scheduling slice at its end: loaded only while the stream is asked for (wattlag -v), since an event per context
 * switch costs about a microsecond where counting costs a tenth of that.
 */
#include "lib/core.bpf.h"
#include "lib/duration.bpf.h"
#include "lib/maps.bpf.h"

/* Slices that each CPU may report per second; the rest is counted only. */
const volatile u64 cpu_rate = 1000;

/* One task's turn on a CPU. */
struct slice {
	/* CLOCK_MONOTONIC of its end */
	u64 end_ns;
	u64 ns;
	/* in the initial pid namespace */
	u32 tgid;
	u32 tid;
	u32 cpu;
	u32 unused;
	char comm[TASK_COMM_LEN];
};
RECORD(slice);

struct slices_cpu {
	/* CLOCK_MONOTONIC when the present slice began; 0: no switch was seen here yet */
	u64 start_ns;
	/* the second (of CLOCK_MONOTONIC) that `reported` belongs to */
	u64 second;
	u64 reported;
	/* over the rate; found the ring full; since start */
	u64 suppressed;
	u64 lost;
};
CPU_SHARDS(slices_cpus, struct slices_cpu);

/* 8,700 slices: as many as 80 CPUs at the usual rate make in the 100 ms between two drains. */
RING(slices, 1 << 19);

/*
 * Why here: the task that leaves is still at hand with its name, and the moment is both the end of its slice and the
 * begin of the next one.
 * Cost: about 0.1 µs per switch, 1 µs for those that are reported.
 * Loses: slices over the rate and those that find the ring full, both counted. The shard is this CPU's own, and the
 * hook runs with interrupts off.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(slice_ends, bool preempt, struct task_struct *prev)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct slices_cpu *shard = bpf_map_lookup_elem(&slices_cpus, &cpu);
	u64 now = bpf_ktime_get_ns();
	struct slice *slice;
	u64 start, second;

	if (!shard)
		return 0;
	start = shard->start_ns;
	shard->start_ns = now;
	/* the idle task has no slices */
	if (start == 0 || prev->pid == 0)
		return 0;
	second = now / 1000000000;
	if (second != shard->second) {
		shard->second = second;
		shard->reported = 0;
	}
	if (shard->reported >= cpu_rate) {
		shard->suppressed++;
		return 0;
	}
	slice = bpf_ringbuf_reserve(&slices, sizeof(*slice), 0);
	if (!slice) {
		shard->lost++;
		return 0;
	}
	shard->reported++;
	slice->end_ns = now;
	slice->ns = duration(start, now);
	slice->tgid = prev->tgid;
	slice->tid = prev->pid;
	slice->cpu = cpu;
	slice->unused = 0;
	bpf_probe_read_kernel(slice->comm, sizeof(slice->comm), prev->comm);
	bpf_ringbuf_submit(slice, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
