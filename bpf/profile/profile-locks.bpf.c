// SPDX-License-Identifier: GPL-2.0
/* Waits for locks of the kernel. Loaded while a profile of locks is taken: the hooks fire only where a lock is contended. */
#include "user-stack.bpf.h"

/* Flags of contention_begin, which the kernel defines in a header. */
enum lock_flags {
	LOCK_SPIN = 1,
	LOCK_READ = 2,
	LOCK_WRITE = 4,
	LOCK_RT = 8,
	LOCK_PERCPU = 16,
	LOCK_MUTEX = 32,
};
NAMES(lock_flags);

/* One wait: a thread waits for one lock at a time, and a CPU spins in one context within another at most. */
struct lock_wait {
	s64 lock;
	/* 0: none */
	u64 begin_ns;
	u32 flags;
	u32 tid;
	/* owner of the lock: tgid and tid; 0: not known */
	u32 owner_tgid;
	u32 owner_tid;
	/* stack of the owner, kernel part */
	u64 owner_stack;
	char owner_comm[TASK_COMM_LEN];
};

enum lock_limits {
	/* by the low bits of the tid, as of waits */
	LOCK_THREADS = 1 << 14,
	/* of a name that is kept */
	CACHE_NAME_LEN = 32,
	/* spinning contexts of a CPU: thread, soft interrupt, hard interrupt, NMI */
	LOCK_CONTEXTS = 4,
};
NAMES(lock_limits);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOCK_THREADS);
	__type(key, u32);
	__type(value, struct lock_wait);
} sleepers SEC(".maps");

struct lock_spins {
	u32 depth;
	u32 unused;
	struct lock_wait waits[LOCK_CONTEXTS];
};
CPU_SHARDS(spins, struct lock_spins);

/* What is known of a lock beside the waits: the key of `counts` has its address as `kind`. */
struct lock_owner_key {
	s64 lock;
	u64 owner_stack;
	u32 owner_tgid;
	u32 owner_tid;
};

struct lock_owner {
	u64 count;
	u64 ns;
	u32 flags;
	u32 unused;
	char comm[TASK_COMM_LEN];
	/* slab cache of the object that the lock is in; empty: none, or not known */
	char cache[CACHE_NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct lock_owner_key);
	__type(value, struct lock_owner);
} owners SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct {
	s64 counter;
} atomic_long___lock;

struct mutex {
	atomic_long___lock owner;
};

struct rw_semaphore {
	atomic_long___lock owner;
};

struct kmem_cache {
	const char *name;
};
#pragma clang attribute pop

/*
 * For the stack of an owner: `scratch` is that of the waiter, which an interrupt in between may need for a wait that ends
 * there. A program does not run within itself.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct stack);
} owner_scratch SEC(".maps");

/* Of 6.2 and 6.14; the loader says whether this kernel has them. */
extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern struct kmem_cache *bpf_get_kmem_cache(u64 address) __ksym __weak;

const volatile u32 has_task_from_pid;
const volatile u32 has_kmem_cache;

/* The low bits of an owner word are flags. */
#define OWNER_FLAGS 7L
/* A reader of a semaphore: the word names one of maybe many, who may have left. */
#define READER_OWNED 1L

static __always_inline struct lock_wait *sleeper_of(u32 tid)
{
	u32 slot = tid & (LOCK_THREADS - 1);

	return bpf_map_lookup_elem(&sleepers, &slot);
}

/* Name the task that holds a mutex, or that writes under a semaphore. */
static __always_inline void find_owner(struct lock_wait *wait, void *lock, u32 flags)
{
	struct task_struct *owner;
	long word;

	wait->owner_tgid = wait->owner_tid = 0;
	wait->owner_stack = STACK_NONE;
	if (flags & (LOCK_SPIN | LOCK_PERCPU | LOCK_RT) && !(flags & LOCK_MUTEX))
		return;
	if (flags & LOCK_MUTEX) {
		word = BPF_CORE_READ((struct mutex *)lock, owner.counter);
	} else {
		word = BPF_CORE_READ((struct rw_semaphore *)lock, owner.counter);
		if (word & READER_OWNED)
			return;
	}
	owner = (struct task_struct *)(word & ~OWNER_FLAGS);
	if (!owner)
		return;
	wait->owner_tgid = BPF_CORE_READ(owner, tgid);
	wait->owner_tid = BPF_CORE_READ(owner, pid);
	bpf_probe_read_kernel(wait->owner_comm, sizeof(wait->owner_comm), &owner->comm);
	if (has_task_from_pid) {
		u32 zero = 0, number = bpf_get_smp_processor_id();
		struct profile_losses *cpu = bpf_map_lookup_elem(&profile_cpus, &number);
		struct stack *stack = bpf_map_lookup_elem(&owner_scratch, &zero);
		struct task_struct *held = bpf_task_from_pid(wait->owner_tid);

		if (!held)
			return;
		/* of one that runs on another CPU the kernel has no stack */
		if (stack && cpu)
			wait->owner_stack = keep_stack(
				cpu, stack, bpf_get_task_stack(held, stack->frames, sizeof(stack->frames), 0));
		bpf_task_release(held);
	}
}

/*
 * Why here: the kernel calls it where a lock is not free, and at no other time.
 * Cost: about 0.1 µs per contended lock, and 2 µs for the stack of an owner; the waiter's is taken at the end.
 * Loses: nothing; of a mutex that spins first and then sleeps, both parts are counted as one wait each.
 */
SEC("tp_btf/contention_begin")
int BPF_PROG(contended, void *lock, u32 flags)
{
	u64 id = bpf_get_current_pid_tgid();
	struct lock_wait *wait;

	if (!task_wanted(bpf_get_current_task_btf(), id >> 32, (u32)id))
		return 0;
	if (flags & LOCK_SPIN && !(flags & LOCK_MUTEX)) {
		u32 number = bpf_get_smp_processor_id();
		struct lock_spins *cpu = bpf_map_lookup_elem(&spins, &number);
		u32 depth;

		if (!cpu)
			return 0;
		depth = cpu->depth;
		if (depth >= LOCK_CONTEXTS)
			return 0;
		cpu->depth = depth + 1;
		wait = &cpu->waits[depth & (LOCK_CONTEXTS - 1)];
	} else {
		wait = sleeper_of((u32)id);
	}
	if (!wait)
		return 0;
	wait->lock = (s64)lock;
	wait->flags = flags;
	wait->tid = (u32)id;
	find_owner(wait, lock, flags);
	wait->begin_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * Why here: the thread has the lock, or gave up, and its stack is still that of the call.
 * Cost: two walks of the stack and two updates, 3 to 5 µs per contended lock.
 * Loses: waits whose entry another thread took: counted.
 */
SEC("tp_btf/contention_end")
int BPF_PROG(acquired, void *lock, int ret)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 number = bpf_get_smp_processor_id();
	struct profile_losses *cpu = bpf_map_lookup_elem(&profile_cpus, &number);
	struct lock_spins *spinning = bpf_map_lookup_elem(&spins, &number);
	struct task_struct *task = bpf_get_current_task_btf();
	struct lock_wait *wait = NULL;
	struct profile_key key = { .tgid = id >> 32, .tid = (u32)id };
	struct lock_owner_key owner_key = { 0 };
	struct lock_owner *owner;
	u64 ns;

	if (!cpu || !spinning || !task_wanted(task, key.tgid, key.tid))
		return 0;
	if (spinning->depth > 0) {
		u32 top = (spinning->depth - 1) & (LOCK_CONTEXTS - 1);

		if (spinning->waits[top].lock == (s64)lock) {
			wait = &spinning->waits[top];
			spinning->depth--;
		}
	}
	if (!wait)
		wait = sleeper_of(key.tid);
	if (!wait || !wait->begin_ns || wait->lock != (s64)lock || wait->tid != key.tid) {
		cpu->unmatched++;
		return 0;
	}
	ns = bpf_ktime_get_ns() - wait->begin_ns;
	wait->begin_ns = 0;
	key.space = space_of(task);
	key.kind = (s64)lock;
	add_stacked(ctx, cpu, &key, task, 1, ns);

	owner_key.lock = (s64)lock;
	owner_key.owner_tgid = wait->owner_tgid;
	owner_key.owner_tid = wait->owner_tid;
	owner_key.owner_stack = wait->owner_stack;
	owner = bpf_map_lookup_elem(&owners, &owner_key);
	if (!owner) {
		struct lock_owner fresh = { .flags = wait->flags };

		__builtin_memcpy(fresh.comm, wait->owner_comm, sizeof(fresh.comm));
		if (!wait->owner_tid)
			__builtin_memset(fresh.comm, 0, sizeof(fresh.comm));
		if (has_kmem_cache) {
			struct kmem_cache *cache = bpf_get_kmem_cache((u64)lock);

			if (cache)
				bpf_probe_read_kernel_str(fresh.cache, sizeof(fresh.cache), BPF_CORE_READ(cache, name));
		}
		bpf_map_update_elem(&owners, &owner_key, &fresh, BPF_NOEXIST);
		owner = bpf_map_lookup_elem(&owners, &owner_key);
	}
	if (owner) {
		__sync_fetch_and_add(&owner->count, 1);
		__sync_fetch_and_add(&owner->ns, ns);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
