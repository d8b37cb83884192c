// SPDX-License-Identifier: GPL-2.0
/*
 * How long devices take, at the least cost: nothing is followed, one hook reads the kernel's own stamp of the issue.
 *
 * Where a task hands on several requests at once (a plug), the kernel reads its clock once for all of them (since 6.9):
 * the time of the later ones is too long by the time until their own issue. io.bpf.c has its own stamps.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/keyed-store.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "lib/latency.bpf.h"
#include "block.bpf.h"
#include "keys.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_device_complete,
};
NAMES(counted_program);

struct device_stats {
	u64 count;
	u64 bytes;
	/* ended with an error */
	u64 errors;
	/* counted without a latency: the kernel had no stamp */
	u64 unstamped;
	struct latency device;
};

/* By kind (keys.bpf.h). */
KEYED_STORE(stats, struct device_stats)

/*
 * Why here: as in io.bpf.c, which counts the same.
 * Cost: a clock read, a comparison of a key and a histogram update.
 * Loses: kinds of request without room, counted (`full`).
 */
SEC("tp_btf/block_rq_complete")
int device_complete(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];
	u32 bytes = (u32)ctx[2];
	u32 raw = rq->cmd_flags;
	/* the request is this completion's alone; the stamp is of its last issue */
	u64 begin = rq->io_start_time_ns;
	u8 op = block_op(raw);
	u64 kind = kind_of(block_device(rq), op, splitting_flags(raw));
	u32 epoch = interval_epoch();
	struct device_stats *of = stats_of(kind, 0, store_hash(kind), store_writer(0, 1), epoch);

	COUNT_RUN(device_complete);
	if (!of)
		return 0;
	of->bytes += bytes;
	if (bytes < rq->__data_len)
		return 0;
	if (!block_in_flush_sequence(rq, op)) {
		of->count++;
		of->errors += (u32)ctx[1] != 0;
	}
	/* end of a write without data: a bare flush, or the flush that followed the data, which has been counted */
	if (op <= IO_WRITE && !bytes)
		return 0;
	if (begin)
		latency_add(&of->device, bpf_ktime_get_ns() - begin, epoch);
	else
		of->unstamped++;
	return 0;
}
