/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers and the innermost part of the stack of the current task in user mode, for user space to unwind: code without
 * frame pointers is unwound by tables of its file, which a BPF program cannot read. Only where the user asks for it.
 */
#pragma once

#include "stacks.bpf.h"

enum user_copy {
	/* copied up to this boundary: one that exists in every page size */
	COPY_STEP = 4096,
	/* from the stack pointer to the end of its page, and so many more */
	COPY_STEPS = 5,
	/* x86: 16 and the return address, in DWARF's order; arm64: x0 to x30, sp, pc */
	COPY_REGISTERS = 33,
};
NAMES(user_copy);

/* Followed by `bytes` of memory from the stack pointer on. */
struct user_stack {
	struct profile_key key;
	u64 count;
	u64 ns;
	char comm[TASK_COMM_LEN];
	u64 registers[COPY_REGISTERS];
	u32 bytes;
	u32 unused;
};
RECORD(user_stack);

/* 0: stacks follow frame pointers only */
const volatile u32 copy_stacks;

/* The loader gives it its size where stacks are copied. */
RING(user_stacks, 4096);

struct user_copy_buffer {
	struct user_stack head;
	u8 memory[COPY_STEP * COPY_STEPS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct user_copy_buffer);
} user_copies SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs___x86_stack {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, ip, cs, sp;
};

struct pt_regs___arm64_stack {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 pstate;
};
#pragma clang attribute pop

/* Registers in user mode. Returns the stack pointer; 0: a 32-bit program. */
static __always_inline u64 copy_registers(u64 *into)
{
	void *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
#if defined(__TARGET_ARCH_x86)
	struct pt_regs___x86_stack *from = regs;

	/* the segment of 32-bit programs */
	if ((BPF_CORE_READ(from, cs) & 0xffff) == 0x23)
		return 0;
	into[0] = BPF_CORE_READ(from, ax);
	into[1] = BPF_CORE_READ(from, dx);
	into[2] = BPF_CORE_READ(from, cx);
	into[3] = BPF_CORE_READ(from, bx);
	into[4] = BPF_CORE_READ(from, si);
	into[5] = BPF_CORE_READ(from, di);
	into[6] = BPF_CORE_READ(from, bp);
	into[7] = BPF_CORE_READ(from, sp);
	into[8] = BPF_CORE_READ(from, r8);
	into[9] = BPF_CORE_READ(from, r9);
	into[10] = BPF_CORE_READ(from, r10);
	into[11] = BPF_CORE_READ(from, r11);
	into[12] = BPF_CORE_READ(from, r12);
	into[13] = BPF_CORE_READ(from, r13);
	into[14] = BPF_CORE_READ(from, r14);
	into[15] = BPF_CORE_READ(from, r15);
	into[16] = BPF_CORE_READ(from, ip);
	return into[7];
#elif defined(__TARGET_ARCH_arm64)
	struct pt_regs___arm64_stack *from = regs;

	/* PSR_MODE32_BIT */
	if (BPF_CORE_READ(from, pstate) & 0x10)
		return 0;
	bpf_core_read(into, 31 * sizeof(u64), &from->regs);
	into[31] = BPF_CORE_READ(from, sp);
	into[32] = BPF_CORE_READ(from, pc);
	return into[31];
#else
	return 0;
#endif
}

/*
 * Hand registers and stack to user space. False: it was not possible, and what frame pointers gave is to be counted.
 * Cost: about 2 µs and 6 to 20 KiB of the ring.
 */
static __always_inline bool send_user_stack(struct profile_losses *cpu, const struct profile_key *key,
					    struct task_struct *task, u64 count, u64 ns)
{
	u32 zero = 0;
	struct user_copy_buffer *copy;
	u64 sp, filled;

	if (!copy_stacks || !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return false;
	copy = bpf_map_lookup_elem(&user_copies, &zero);
	if (!copy)
		return false;
	sp = copy_registers(copy->head.registers);
	if (!sp)
		return false;
	filled = COPY_STEP - (sp & (COPY_STEP - 1));
	/* the compiler keeps its bounds from the verifier otherwise, here and below */
	barrier_var(filled);
	if (filled > COPY_STEP || bpf_probe_read_user(copy->memory, filled, (void *)sp))
		return false;
#pragma unroll
	for (u32 step = 1; step < COPY_STEPS; step++) {
		barrier_var(filled);
		if (filled > COPY_STEP * step ||
		    bpf_probe_read_user(copy->memory + filled, COPY_STEP, (void *)(sp + filled)))
			break;
		filled += COPY_STEP;
	}
	copy->head.key = *key;
	copy->head.count = count;
	copy->head.ns = ns;
	copy->head.bytes = filled;
	barrier_var(filled);
	bpf_probe_read_kernel(copy->head.comm, sizeof(copy->head.comm), &task->comm);
	if (filled > sizeof(copy->memory) ||
	    bpf_ringbuf_output(&user_stacks, copy, sizeof(copy->head) + filled, BPF_RB_NO_WAKEUP)) {
		cpu->copies_lost++;
		return false;
	}
	cpu->events++;
	cpu->copied++;
	cpu->copied_bytes += filled;
	announce(task, key->space, key->tgid);
	return true;
}

/* One event with the stacks of the current task. */
static __always_inline void add_stacked(void *ctx, struct profile_losses *cpu, struct profile_key *key,
					struct task_struct *task, u64 count, u64 ns)
{
	key->kernel = store_stack(ctx, cpu, 0);
	key->user = key->space ? store_stack(ctx, cpu, BPF_F_USER_STACK) : STACK_NONE;
	if (!key->space || !send_user_stack(cpu, key, task, count, ns))
		add_event(cpu, key, task, count, ns);
}
