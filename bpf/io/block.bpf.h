/* SPDX-License-Identifier: GPL-2.0 */
/* Block requests, and all differences between kernels about them, decided at load by BTF. */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
};

struct blk_mq_ops;

struct request_queue {
	struct gendisk *disk;
	const struct blk_mq_ops *mq_ops; /* NULL: the device takes bios */
};

struct rb_root {
	void *rb_node;
};

struct kernfs_elem_dir {
	struct rb_root children;
};

struct kernfs_node___dir {
	struct kernfs_elem_dir dir;
};

struct kobject {
	struct kernfs_node *sd;
};

struct block_device {
	u32 bd_dev;
	struct gendisk *bd_disk;
	void *bd_holder;
	struct kobject *bd_holder_dir;
};

struct page {
	unsigned long compound_head;
	struct address_space *mapping;
};

struct bio_vec {
	struct page *bv_page;
};

struct bvec_iter {
	u64 bi_sector;
	unsigned int bi_size;
	unsigned int bi_idx;
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	unsigned char bi_status; /* not 0: an error */
	struct bvec_iter bi_iter;
	void *bi_end_io;
	void *bi_private;
	struct blkcg_gq *bi_blkg;
	struct bio_vec *bi_io_vec;
};

/* before 5.11 */
struct bio___disk {
	struct gendisk *bi_disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int rq_flags;
	unsigned int __data_len;
	u64 __sector;
	struct bio *bio;
	u64 start_time_ns;
	u64 io_start_time_ns;
	void *end_io;
};

/* before 5.17 the disk hung on the request */
struct request___rq_disk {
	struct gendisk *rq_disk;
};

#pragma clang attribute pop

/*
 * Until 5.11 these tracepoints had the queue as an argument before the request. The backports of some distributions
 * make the version number useless; the type of the tracepoint decides.
 */
typedef void (*btf_trace_block_rq_insert)(void *, struct request *);
typedef void (*btf_trace_block_bio_queue)(void *, struct bio *);
typedef void (*btf_trace_block_bio_backmerge)(void *, struct bio *);
typedef void (*btf_trace_block_split)(void *, struct bio *, unsigned int);

/*
 * An argument of a program, at `index` where the kernel has the tracepoint as above, else where it was before. As
 * instructions: the compiler would make one load with a computed offset of these, and the verifier refuse it.
 */
#ifdef __bpf__
#define ARGUMENT(object, ctx, tracepoint, index, index_before)                                               \
	do {                                                                                                 \
		if (bpf_core_type_exists(tracepoint))                                                        \
			asm volatile("%0 = *(u64 *)(%1 + 8 * " #index ")" : "=r"(object) : "r"(ctx));        \
		else                                                                                         \
			asm volatile("%0 = *(u64 *)(%1 + 8 * " #index_before ")" : "=r"(object) : "r"(ctx)); \
	} while (0)
#else
#define ARGUMENT(object, ctx, tracepoint, index, index_before) object = (void *)ctx[index]
#endif

static __always_inline struct request *block_request(u64 *ctx)
{
	struct request *rq;

	ARGUMENT(rq, ctx, btf_trace_block_rq_insert, 0, 1);
	return rq;
}

static __always_inline u32 disk_number(struct gendisk *disk)
{
	return disk ? (u32)disk->major << 20 | (u32)disk->first_minor : 0;
}

/* The kernel's device number (major << 20 | minor) of the whole disk; 0: a command to no disk, as while probing one. */
static __always_inline u32 block_device(struct request *rq)
{
	struct gendisk *disk;

	if (bpf_core_field_exists(struct request_queue, disk))
		disk = rq->q->disk;
	else
		disk = ((struct request___rq_disk *)rq)->rq_disk;
	return disk_number(disk);
}

/* Does a queued bio still have the partition that it was sent to? Before 5.11 it is moved to the whole disk first. */
static __always_inline bool bios_keep_partition(void)
{
	return bpf_core_field_exists(struct bio, bi_bdev) && bpf_core_field_exists(struct block_device, bd_dev);
}

/* Address of the device (or disk) that a bio was sent to: as long as it stays the same, so does the disk. */
static __always_inline u64 bio_target(struct bio *bio)
{
	if (bpf_core_field_exists(bio->bi_bdev))
		return (u64)bio->bi_bdev;
	return (u64)((struct bio___disk *)bio)->bi_disk;
}

struct destination {
	/* as bio_target() returns it */
	u64 target;
	/* number of the partition that a bio was sent to, or of the disk where the bio has it no more */
	u32 part;
	/* number of its whole disk */
	u32 dev;
};

/* All in one: each read of the kernel's memory is some ten instructions, and the compiler would read pointers again. */
static __always_inline struct destination bio_destination(struct bio *bio)
{
	if (bios_keep_partition()) {
		struct block_device *device = bio->bi_bdev;

		return (struct destination){ (u64)device, device->bd_dev, disk_number(device->bd_disk) };
	} else {
		struct gendisk *disk = ((struct bio___disk *)bio)->bi_disk;
		u32 dev = disk_number(disk);

		return (struct destination){ (u64)disk, dev, dev };
	}
}

/* Operations under the kernel's names, with numbers of our own: the kernel has renumbered them twice. */
enum io_op {
	IO_READ,
	IO_WRITE,
	IO_FLUSH,
	IO_DISCARD,
	IO_SECURE_ERASE,
	IO_WRITE_SAME,
	IO_WRITE_ZEROES,
	IO_ZONE_APPEND,
	IO_ZONE_OPEN,
	IO_ZONE_CLOSE,
	IO_ZONE_FINISH,
	IO_ZONE_RESET,
	IO_ZONE_RESET_ALL,
	IO_DRV_IN,
	IO_DRV_OUT,
	IO_OTHER,
};
NAMES(io_op);

/* relocated to the running kernel's values; these are 6.12's */
enum req_op {
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_ZONE_APPEND = 7,
	REQ_OP_WRITE_ZEROES = 9,
	REQ_OP_ZONE_OPEN = 10,
	REQ_OP_ZONE_CLOSE = 11,
	REQ_OP_ZONE_FINISH = 12,
	REQ_OP_ZONE_RESET = 13,
	REQ_OP_ZONE_RESET_ALL = 15,
	REQ_OP_DRV_IN = 34,
	REQ_OP_DRV_OUT = 35,
};

/* the enum's name before 6.0 */
enum req_opf {
	REQ_OP_SECURE_ERASE___opf,
	REQ_OP_WRITE_SAME___opf,
	REQ_OP_WRITE_ZEROES___opf,
	REQ_OP_ZONE_APPEND___opf,
	REQ_OP_ZONE_OPEN___opf,
	REQ_OP_ZONE_CLOSE___opf,
	REQ_OP_ZONE_FINISH___opf,
	REQ_OP_ZONE_RESET___opf,
	REQ_OP_ZONE_RESET_ALL___opf,
	REQ_OP_DRV_IN___opf,
	REQ_OP_DRV_OUT___opf,
};

#define ENUM_IS(value, type, name) \
	(bpf_core_enum_value_exists(enum type, name) && (value) == bpf_core_enum_value(enum type, name))
#define OP_IS(value, name) (ENUM_IS(value, req_op, name) || ENUM_IS(value, req_opf, name##___opf))

static __always_inline enum io_op block_op(u32 op)
{
	op &= 0xff;

	/* read, write, flush and discard: the same in every kernel */
	if (op <= IO_DISCARD)
		return op;
	if (OP_IS(op, REQ_OP_WRITE_ZEROES))
		return IO_WRITE_ZEROES;
	if (OP_IS(op, REQ_OP_SECURE_ERASE))
		return IO_SECURE_ERASE;
	if (OP_IS(op, REQ_OP_ZONE_APPEND))
		return IO_ZONE_APPEND;
	if (OP_IS(op, REQ_OP_ZONE_OPEN))
		return IO_ZONE_OPEN;
	if (OP_IS(op, REQ_OP_ZONE_CLOSE))
		return IO_ZONE_CLOSE;
	if (OP_IS(op, REQ_OP_ZONE_FINISH))
		return IO_ZONE_FINISH;
	if (OP_IS(op, REQ_OP_ZONE_RESET))
		return IO_ZONE_RESET;
	if (OP_IS(op, REQ_OP_ZONE_RESET_ALL))
		return IO_ZONE_RESET_ALL;
	if (OP_IS(op, REQ_OP_DRV_IN))
		return IO_DRV_IN;
	if (OP_IS(op, REQ_OP_DRV_OUT))
		return IO_DRV_OUT;
	if (ENUM_IS(op, req_opf, REQ_OP_WRITE_SAME___opf))
		return IO_WRITE_SAME;
	return IO_OTHER;
}

/* Flags of requests and bios under the kernel's names, as bits of our own. The first four split rows. */
enum io_flag {
	IO_SYNC,
	IO_META,
	IO_RAHEAD,
	IO_BACKGROUND,
	IO_PRIO,
	IO_FUA,
	IO_PREFLUSH,
	IO_NOWAIT,
	IO_POLLED,
	IO_SWAP,
	IO_ATOMIC,
	IO_FLAGS,
};
NAMES(io_flag);
#define SPLITTING_FLAGS 0xf

enum req_flag_bits {
	__REQ_SYNC,
	__REQ_META,
	__REQ_RAHEAD,
	__REQ_BACKGROUND,
	__REQ_PRIO,
	__REQ_FUA,
	__REQ_PREFLUSH,
	__REQ_NOWAIT,
	__REQ_POLLED,
	__REQ_SWAP,
	__REQ_ATOMIC,
};

#define FLAG(raw, name)                                                                              \
	(bpf_core_enum_value_exists(enum req_flag_bits, __REQ_##name) ?                              \
		 ((raw) >> bpf_core_enum_value(enum req_flag_bits, __REQ_##name) & 1) << IO_##name : \
		 0)

/* The flags that split rows. */
static __always_inline u32 splitting_flags(u32 raw)
{
	return FLAG(raw, SYNC) | FLAG(raw, META) | FLAG(raw, RAHEAD) | FLAG(raw, BACKGROUND);
}

static __always_inline u32 all_flags(u32 raw)
{
	return splitting_flags(raw) | FLAG(raw, PRIO) | FLAG(raw, FUA) | FLAG(raw, PREFLUSH) | FLAG(raw, NOWAIT) |
	       FLAG(raw, POLLED) | FLAG(raw, SWAP) | FLAG(raw, ATOMIC);
}

enum rqf_flags {
	__RQF_FLUSH_SEQ,
};

extern const void mq_flush_data_end_io __ksym __weak;

/*
 * Is the request the data of a write that the kernel has cut into flush, data and flush? It completes once for its
 * data, with this flag, and once more without it at the end of the sequence. The flag was a macro before 6.10 and for
 * some time a constant of an enum without a name, which BTF cannot be asked for: then the request's end function
 * decides.
 */
static __always_inline bool block_in_flush_sequence(struct request *rq, enum io_op op)
{
	u32 flag = 1 << 4;

	/* the flush requests that the kernel makes for a sequence have it permanently */
	if (op == IO_FLUSH)
		return false;
	if (bpf_core_enum_value_exists(enum rqf_flags, __RQF_FLUSH_SEQ))
		flag = 1 << bpf_core_enum_value(enum rqf_flags, __RQF_FLUSH_SEQ);
	else if (&mq_flush_data_end_io)
		return rq->end_io == &mq_flush_data_end_io;
	return rq->rq_flags & flag;
}
