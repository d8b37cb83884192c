// SPDX-License-Identifier: GPL-2.0
/*
 * Where a block request spends its time: from the bio's queueing over the request, the plug and the scheduler to the
 * driver and back. io_stage names the stages; lib/stages.bpf.h defines how they add up.
 *
 * The kernel's own stamp of the issue (io_start_time_ns) cannot split stages: its clock is cached for a whole plug. So
 * bios and requests are followed from hook to hook by our own stamps.
 *
 * The programs are attached in the order of this file, the end of a request first: nothing is begun whose end is not
 * hooked yet.
 */
#include "lib/core.bpf.h"
#include "lib/hist.bpf.h"
#include "lib/keyed-store.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/runs.bpf.h"
#include "lib/stages.bpf.h"
#include "block.bpf.h"
#include "owner.bpf.h"
#include "table.bpf.h"
#include "filter.bpf.h"
#include "keys.bpf.h"
#include "stats.bpf.h"
#include "processes.bpf.h"
#include "lifecycle.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* See lib/runs.bpf.h. */
enum counted_program {
	RUN_block_rq_complete,
	RUN_block_bio_complete,
	RUN_block_rq_requeue,
	RUN_block_rq_merge,
	RUN_block_rq_insert,
	RUN_block_rq_issue,
	RUN_block_bio_backmerge,
	RUN_block_bio_frontmerge,
	RUN_block_split,
	RUN_writeback_dirty_inode_enqueue,
	RUN_block_bio_queue,
};
NAMES(counted_program);

/*
 * A bare flush: a write of no bytes that waited for a flush of the device, which is a request of the kernel's own
 * without an owner. The task that asked for the flush is charged here. Returns whether the bio was followed.
 */
static __noinline bool end_bare_flush(struct bio *bio, u64 now)
{
	struct bio_bucket *bucket = bio_bucket(bio);
	u32 entry = bucket ? find_entry(&bucket->keys, (u64)bio) : BUCKET_ENTRIES;
	struct ended ended = { .op = IO_FLUSH, .now = now, .epoch = interval_epoch(), .program = REQUEST_ENDS };
	struct io_cpu *shard = this_cpu();
	struct queued *queued;
	u64 took;

	if (entry >= BUCKET_ENTRIES || !shard)
		return false;
	queued = &bucket->entries[entry];
	if (is_charged(queued->marks)) {
		if (queued->how < IO_OWNERS)
			shard->owners[queued->how]++;
		took = duration(queued->queued_ns, now);
		ended.took = took;
		ended.slot = hist_slot(took, LATENCY_SUB_BITS);
		if (queued->owner.start)
			charge(&queued->owner, &ended);
	}
	set_entry(&bucket->keys, entry, 0);
	return true;
}

/*
 * Why here: the only hook at which every request ends. It comes once for each part of a request that a driver completes
 * in parts: only the part that covers the rest is the end.
 *
 * Counts as /proc/diskstats does: a write with cache flushes around it is one write at the end of all (its latency is
 * that of its data; the flushes are separate requests), and a bare flush is one flush and one write of no bytes, which
 * never reaches the driver and has no latency. A followed write keeps its entry until the end of its flush sequence, so
 * that filters let its end pass too.
 * Cost: a clock read, entries in two tables and a histogram update for each stage and two more.
 * Loses: latencies of requests that were issued before tracing (`unseen_start`), kinds and processes without room (of
 * their stores, `full`), all counted.
 */
SEC("tp_btf/block_rq_complete")
int block_rq_complete(u64 *ctx)
{
	/* a request that ends is this completion's alone */
	struct request *rq = (void *)ctx[0];
	u32 bytes = (u32)ctx[2];
	u32 left = rq->__data_len;
	struct request_bucket *bucket = request_bucket(rq);
	struct tracked *tracked = 0;
	struct io_cpu *shard;
	struct io_stats *io;
	u64 now = bpf_ktime_get_ns();
	u64 took;
	u32 entry, epoch, raw, slot;
	struct ended ended;
	bool in_sequence, failed, held_back;
	u8 op;

	COUNT_RUN(block_rq_complete);
	if (!bucket)
		return 0;
	entry = find_entry(&bucket->keys, (u64)rq);
	if (entry < BUCKET_ENTRIES && bucket->entries[entry].stamps[STAGE_DEVICE] &&
	    !is_another(&bucket->entries[entry], rq))
		tracked = &bucket->entries[entry];
	/* one whose issue was not seen passed the filters when it was inserted */
	if (entry >= BUCKET_ENTRIES && setting(IO_WANT) & WANT_FILTERS &&
	    (left || !rq->bio || !end_bare_flush(rq->bio, now)))
		return 0;
	raw = tracked ? tracked->raw_flags : rq->cmd_flags;
	op = tracked ? tracked->op : block_op(raw);
	epoch = interval_epoch();
	io = stats_of_kind(tracked ? tracked->dev : block_device(rq), op, splitting_flags(raw), REQUEST_ENDS, epoch);
	if (!io)
		goto end;
	io->bytes += bytes;
	if (bytes < left) {
		count(partial);
		return 0;
	}
	in_sequence = block_in_flush_sequence(rq, op);
	if (!in_sequence)
		io->count++;
	if (tracked && !tracked->data_done) {
		shard = this_cpu();
		if (shard) {
			if ((op != IO_FLUSH || tracked->how != OWNER_NONE) && is_charged(tracked->marks))
				shard->owners[tracked->how < IO_OWNERS ? tracked->how : 0]++;
			if (!tracked->stamps[STAGE_QUEUE])
				shard->bypassed++;
		}
		took = stages_add(io->stages, tracked->stamps, IO_STAGES, now, epoch);
		slot = latency_add(&io->total, took, epoch);
		if (tracked->owner.start && is_charged(tracked->marks)) {
			ended.now = now;
			ended.took = took;
			ended.bytes = tracked->bytes;
			ended.epoch = epoch;
			ended.slot = slot;
			ended.op = op;
			ended.program = REQUEST_ENDS;
			charge(&tracked->owner, &ended);
		}
		if (took >= setting(IO_SLOW))
			report_slow(tracked, rq, now, epoch);
		if (in_sequence) {
			tracked->data_done = 1;
			return 0;
		}
	} else if (left) {
		count(unseen_start);
	} else if (rq->bio) {
		end_bare_flush(rq->bio, now);
	}
	failed = (u32)ctx[1] != 0;
	held_back = tracked && tracked->marks & MARK_HELD_BACK;
	if (failed || held_back) {
		io->errors += failed;
		io->held_back += held_back;
		if (tracked && is_charged(tracked->marks))
			charge_apart(&tracked->owner, REQUEST_ENDS, failed, held_back);
	}
end:
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/* A bio of a device that takes bios is done. A function, since few machines have such devices in use. */
static __noinline int end_bio(struct bio *bio, struct queued *queued, u64 now)
{
	struct ended ended = { .op = queued->op, .now = now, .bytes = queued->bytes, .program = BIO_ENDS };
	u32 epoch = interval_epoch();
	struct io_stats *io = stats_of_kind(queued->dev, queued->op,
					    splitting_flags(queued->raw_flags) | STACKED_DEVICE, BIO_ENDS, epoch);
	bool failed = BPF_CORE_READ(bio, bi_status) != 0, held_back = queued->marks & MARK_HELD_BACK;
	struct io_cpu *shard = this_cpu();
	u64 took = duration(queued->queued_ns, now);

	if (!io)
		return 0;
	io->count++;
	io->bytes += queued->bytes;
	io->errors += failed;
	io->held_back += held_back;
	latency_add(&io->stages[STAGE_DEVICE], took, epoch);
	ended.slot = latency_add(&io->total, took, epoch);
	if (!is_charged(queued->marks))
		return 0;
	if (shard && queued->how < IO_OWNERS)
		shard->bio_owners[queued->how]++;
	if (!queued->owner.start)
		return 0;
	ended.took = took;
	ended.epoch = epoch;
	charge(&queued->owner, &ended);
	if (failed || held_back)
		charge_apart(&queued->owner, BIO_ENDS, failed, held_back);
	return 0;
}

/*
 * Why here: a bio without a request ends here: of a device that passes bios on to others (those count again, but are not
 * charged again) or keeps their data itself (zram, brd, pmem), or one that never came to a request. Bios of requests do
 * not come here.
 * Cost: a look-up in the table; for devices that take bios as much as the completion of a request.
 * Loses: nothing.
 */
SEC("tp_btf/block_bio_complete")
int block_bio_complete(u64 *ctx)
{
	struct request_queue *queue = (void *)ctx[0];
	struct bio *bio = (void *)ctx[1];
	struct bio_bucket *bucket = bio_bucket(bio);
	u32 entry = bucket ? find_entry(&bucket->keys, (u64)bio) : BUCKET_ENTRIES;
	u64 now = bpf_ktime_get_ns();

	COUNT_RUN(block_bio_complete);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	if (!queue->mq_ops)
		end_bio(bio, &bucket->entries[entry], now);
	/* last: from here on another CPU may take the entry */
	set_entry(&bucket->keys, entry, 0);
	return 0;
}

/*
 * Why here: the driver was busy and the request goes back.
 * Cost: rare; a look-up in the table.
 * Loses: nothing.
 */
SEC("tp_btf/block_rq_requeue")
int block_rq_requeue(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct request_bucket *bucket = request_bucket(rq);
	struct tracked *tracked;
	u32 entry;

	COUNT_RUN(block_rq_requeue);
	count(requeues);
	if (!bucket)
		return 0;
	entry = find_entry(&bucket->keys, (u64)rq);
	if (entry < BUCKET_ENTRIES) {
		tracked = &bucket->entries[entry];
		tracked->requeued = 1;
		/* it waits for the driver from its first issue on */
		if (!tracked->stamps[STAGE_QUEUE])
			tracked->stamps[STAGE_QUEUE] = tracked->stamps[STAGE_DEVICE];
	}
	return 0;
}

/*
 * Why here: a waiting request became part of another one and never completes.
 * Cost: a look-up in the table.
 * Loses: where a kernel lacks the hook (before 5.11), such requests seem to wait until their address comes back.
 */
SEC("tp_btf/block_rq_merge")
int block_rq_merge(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct request_bucket *bucket = request_bucket(rq);

	COUNT_RUN(block_rq_merge);
	count(merged_requests);
	if (bucket)
		set_entry(&bucket->keys, find_entry(&bucket->keys, (u64)rq), 0);
	return 0;
}

/*
 * Why here: the request enters the scheduler; without one, or when it is bypassed, this never comes. The current task
 * may be a kernel worker that does so for others (requeue).
 * Cost: a clock read and an entry of the table.
 * Loses: requests without a free entry, counted.
 */
SEC("tp_btf/block_rq_insert")
int block_rq_insert(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct request_bucket *bucket = request_bucket(rq);
	u64 now = bpf_ktime_get_ns();
	u32 entry;

	COUNT_RUN(block_rq_insert);
	if (!bucket)
		return 0;
	entry = find_entry(&bucket->keys, (u64)rq);
	if (entry < BUCKET_ENTRIES && bucket->entries[entry].requeued)
		return 0;
	entry = begin(bucket, entry, rq, now);
	if (entry < BUCKET_ENTRIES)
		bucket->entries[entry].stamps[STAGE_QUEUE] = now;
	return 0;
}

/*
 * Why here: the driver gets the request. Once more after a requeue: `queue` then lasts until the last issue, so that
 * the stages always add up to the total.
 * Cost: a clock read, and an entry of the table when there was no insert.
 * Loses: requests without a free entry, counted.
 */
SEC("tp_btf/block_rq_issue")
int block_rq_issue(u64 *ctx)
{
	struct request *rq = block_request(ctx);
	struct request_bucket *bucket = request_bucket(rq);
	struct tracked *tracked;
	u64 now = bpf_ktime_get_ns();
	u32 entry, bytes;

	COUNT_RUN(block_rq_issue);
	if (!bucket)
		return 0;
	bytes = rq->__data_len;
	entry = find_entry(&bucket->keys, (u64)rq);
	/* a request that never completed here must not lend its age to the next one of its address */
	if (entry >= BUCKET_ENTRIES ||
	    (bucket->entries[entry].stamps[STAGE_DEVICE] && !bucket->entries[entry].requeued) ||
	    is_another(&bucket->entries[entry], rq))
		entry = begin(bucket, entry, rq, now);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	tracked = &bucket->entries[entry];
	tracked->stamps[STAGE_DEVICE] = now;
	tracked->bytes = bytes;
	tracked->requeued = 0;
	return 0;
}

static __always_inline int merged(u64 *ctx)
{
	struct bio *bio;

	/* before 5.11 the queue, the request and the bio */
	ARGUMENT(bio, ctx, btf_trace_block_bio_backmerge, 0, 2);
	count(merged_bios);
	forget(bio);
	return 0;
}

/*
 * Why here: a waiting request takes the bio in, which is not followed any further.
 * Cost: a look-up in the table.
 * Loses: nothing.
 */
SEC("tp_btf/block_bio_backmerge")
int block_bio_backmerge(u64 *ctx)
{
	COUNT_RUN(block_bio_backmerge);
	return merged(ctx);
}

/*
 * Why here: as above, at the request's front.
 * Cost: as above.
 * Loses: nothing.
 */
SEC("tp_btf/block_bio_frontmerge")
int block_bio_frontmerge(u64 *ctx)
{
	COUNT_RUN(block_bio_frontmerge);
	return merged(ctx);
}

/*
 * Why here: a bio is too large for one request: its front part goes on under a new address, with the same owner and
 * beginning. The rest keeps the address and is not queued again.
 * Cost: rare; two look-ups in the table.
 * Loses: a part without a free entry, counted.
 */
SEC("tp_btf/block_split")
int block_split(u64 *ctx)
{
	struct bio_bucket *from, *to;
	struct bio *part, *whole;
	u32 source, target;

	COUNT_RUN(block_split);
	ARGUMENT(part, ctx, btf_trace_block_split, 0, 1);
	count(splits);
	whole = part->bi_private;
	from = bio_bucket(whole);
	to = bio_bucket(part);
	if (!from || !to)
		return 0;
	source = find_entry(&from->keys, (u64)whole);
	if (source >= BUCKET_ENTRIES)
		return 0;
	target = entry_for(to, part);
	if (target >= BUCKET_ENTRIES)
		return 0;
	to->entries[target] = from->entries[source];
	to->entries[target].bytes = part->bi_iter.bi_size;
	from->entries[source].bytes -= part->bi_iter.bi_size;
	/* read as an address: to the verifier `bi_private` is a number */
	from->entries[source].sector = BPF_CORE_READ(whole, bi_iter.bi_sector);
	set_entry(&to->keys, target, (u64)part);
	return 0;
}

/*
 * Why here: a clean file becomes dirty: its writeback will be charged to the task that dirtied it.
 * Cost: rare (once for each time that a file has become clean); a hash update.
 * Loses: other tasks that write to the file while it is dirty.
 */
SEC("tp_btf/writeback_dirty_inode_enqueue")
int writeback_dirty_inode_enqueue(u64 *ctx)
{
	struct inode *inode = (void *)ctx[0];
	struct dirty_file file;
	struct owner owner;
	bool passes_on;
	u32 flags = task_owner(&owner, &passes_on);

	COUNT_RUN(writeback_dirty_inode_enqueue);
	if (flags & PF_KTHREAD) {
		if (!is_loop_work(current_work(flags), owner.comm))
			return 0;
		/* the loop device's users have been charged there */
		owner.start = 0;
		owner.tgid = 0;
	}
	dirty_file_of(&file, inode);
	bpf_map_update_elem(&dirtied, &file, &owner, BPF_ANY);
	return 0;
}

/*
 * Why here: the beginning, and the current task is the one that asks (io_uring's and AIO's too, whose workers are its
 * threads), or a kernel thread that does so for others.
 * Cost: a clock read and an entry of the table.
 * Loses: bios without a free entry, counted.
 */
SEC("tp_btf/block_bio_queue")
int block_bio_queue(u64 *ctx)
{
	u64 want = setting(IO_WANT);
	struct bio_bucket *bucket;
	struct queued *queued;
	struct bio *bio;
	struct destination where;
	u32 entry, flags, raw;
	bool passes_on;

	COUNT_RUN(block_bio_queue);
	ARGUMENT(bio, ctx, btf_trace_block_bio_queue, 0, 1);
	bucket = bio_bucket(bio);
	if (!bucket)
		return 0;
	where = bio_destination(bio);
	entry = entry_for(bucket, bio);
	if (entry >= BUCKET_ENTRIES)
		return 0;
	queued = &bucket->entries[entry];
	queued->queued_ns = bpf_ktime_get_ns();
	queued->target = where.target;
	queued->dev = where.dev;
	queued->part = where.part;
	raw = bio->bi_opf;
	queued->raw_flags = raw;
	queued->op = block_op(raw);
	queued->bytes = bio->bi_iter.bi_size;
	queued->sector = bio->bi_iter.bi_sector;
	flags = task_owner(&queued->owner, &passes_on);
	queued->how = OWNER_SUBMITTER;
	queued->marks = passes_on ? MARK_CLONED : 0;
	if (flags & PF_KTHREAD) {
		u32 owner = kernel_owner(&queued->owner, bio, flags);

		queued->how = owner;
		queued->marks |= owner >> 8;
	}
	set_entry(&bucket->keys, entry, want & WANT_FILTERS && !passes(queued, bio, want) ? 0 : (u64)bio);
	return 0;
}
