/* SPDX-License-Identifier: GPL-2.0 */
/* How bios and requests enter the tables: the entry of a bio, and the request that takes over its bio's record. */
#pragma once

/*
 * Is it a later request that has been given the same address? Merging may make a request's start earlier, never later.
 */
static __always_inline bool is_another(const struct tracked *tracked, struct request *rq)
{
	return rq->start_time_ns > tracked->start_time_ns;
}

/* The bio has ended, or has become part of a request that is followed. */
static __always_inline void forget(struct bio *bio)
{
	struct bio_bucket *bucket = bio_bucket(bio);

	if (bucket)
		set_entry(&bucket->keys, find_entry(&bucket->keys, (u64)bio), 0);
}

/* An entry for the bio, an earlier one of the same address or a free one; BUCKET_ENTRIES if all are taken. */
static __always_inline u32 entry_for(struct bio_bucket *bucket, struct bio *bio)
{
	u32 entry = find_entry(&bucket->keys, (u64)bio);

	if (entry >= BUCKET_ENTRIES)
		entry = find_entry(&bucket->keys, 0);
	if (entry >= BUCKET_ENTRIES)
		count(bios_full);
	return entry;
}

/*
 * Is the record of an earlier bio of the same address? A bio for the same device begins at the sector at which it was
 * queued, but for an append, whose sector is found later.
 */
static __always_inline bool is_stale(const struct queued *queued, struct bio *bio, bool same_target)
{
	return same_target && queued->sector != (u32)bio->bi_iter.bi_sector && queued->op != IO_ZONE_APPEND;
}

/*
 * A request at insert and issue is the submitter's alone, and its bios are linked.
 *
 * Take over the record of the request's first bio. Others may have been merged in front of it meanwhile.
 *
 * The kernel's own stamp says when the bio got its request, which saves a hook. Its clock is cached for a plug, but
 * read anew after each sleep (since 6.9; before, each time): so a wait is in `request`, and only CPU time of the
 * submitting task may be missing there. Without a stamp (iostats switched off) `request` lasts until the next hook.
 */
static __always_inline bool adopt(struct tracked *tracked, struct request *rq, u64 got, u64 now)
{
	struct bio *bio = rq->bio;

	for (int n = 0; n < 4 && bio; n++) {
		struct bio_bucket *bucket = bio_bucket(bio);
		u32 entry = bucket ? find_entry(&bucket->keys, (u64)bio) : BUCKET_ENTRIES;
		struct queued *queued;
		bool same_target;

		if (entry >= BUCKET_ENTRIES) {
			bio = bio->bi_next;
			continue;
		}
		queued = &bucket->entries[entry];
		same_target = bio_target(bio) == queued->target;
		if (is_stale(queued, bio, same_target)) {
			set_entry(&bucket->keys, entry, 0);
			return false;
		}
		tracked->stamps[STAGE_REQUEST] = queued->queued_ns;
		if (got && got < queued->queued_ns)
			got = queued->queued_ns;
		tracked->stamps[STAGE_PLUG] = got < now ? got : now;
		tracked->owner = queued->owner;
		tracked->part = queued->part;
		tracked->how = queued->how;
		tracked->marks = queued->marks;
		/* a device of several paths hands its bios on to one of them */
		tracked->dev = same_target ? queued->dev : block_device(rq);
		set_entry(&bucket->keys, entry, 0);
		return true;
	}
	return false;
}

/*
 * No bio (flushes, commands), or one queued before tracing began, or one that does not pass the filters. Is it wanted?
 */
static __noinline bool begin_unknown(struct tracked *tracked, struct request *rq)
{
	u64 want = setting(IO_WANT);
	u32 dev = block_device(rq);

	if (!tracked ||
	    (want & WANT_FILTERS && (rq->bio || want & WANT_OTHER_THAN_DEVICE || dev != setting(IO_DEVICE))))
		return false;
	tracked->stamps[STAGE_REQUEST] = 0;
	tracked->stamps[STAGE_PLUG] = 0;
	tracked->dev = dev;
	tracked->part = dev;
	tracked->how = OWNER_NONE;
	tracked->marks = 0;
	__builtin_memset(&tracked->owner, 0, sizeof(tracked->owner));
	return true;
}

/*
 * Begin a request in the entry of an earlier one of the same address, or in a free one. Returns the entry,
 * BUCKET_ENTRIES if all are taken or it is not wanted.
 */
static __always_inline u32 begin(struct request_bucket *bucket, u32 entry, struct request *rq, u64 now)
{
	struct tracked *tracked;
	u64 got = rq->start_time_ns;
	u32 raw = rq->cmd_flags;
	u32 bytes = rq->__data_len;

	if (entry >= BUCKET_ENTRIES) {
		entry = find_entry(&bucket->keys, 0);
		if (entry >= BUCKET_ENTRIES) {
			count(requests_full);
			return BUCKET_ENTRIES;
		}
	} else {
		count(missed_completion);
	}
	tracked = &bucket->entries[entry];
	if (!adopt(tracked, rq, got, now) && !begin_unknown(tracked, rq)) {
		set_entry(&bucket->keys, entry, 0);
		return BUCKET_ENTRIES;
	}
	tracked->stamps[STAGE_QUEUE] = 0;
	tracked->stamps[STAGE_DEVICE] = 0;
	tracked->start_time_ns = got;
	tracked->raw_flags = raw;
	tracked->bytes = bytes;
	tracked->op = block_op(raw);
	tracked->requeued = 0;
	tracked->data_done = 0;
	set_entry(&bucket->keys, entry, (u64)rq);
	return entry;
}
