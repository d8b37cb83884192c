/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms over nanoseconds with a bounded relative error: each octave (power of two) is cut into 2^sub_bits equal
 * slots. Slot 0 counts everything below 2^HIST_MIN_EXP ns, the last one everything from 2^HIST_MAX_EXP ns on.
 * src/lib/histogram.ts has the reader's side of this formula; test/unit/histogram.test.ts compares the two.
 */
#pragma once

/* The range of the slots, as powers of two of ns. */
enum hist_range {
	/* 128 ns: below it the clock read itself dominates */
	HIST_MIN_EXP = 7,
	/* 69 s: above it the exact value is in `max` */
	HIST_MAX_EXP = 36,
};

#define HIST_SLOTS(sub_bits) (((HIST_MAX_EXP - HIST_MIN_EXP) << (sub_bits)) + 2)

/* clang-format off */
static const volatile u8 hist_log2_table[256] = {
	[2 ... 3] = 1, [4 ... 7] = 2, [8 ... 15] = 3, [16 ... 31] = 4, [32 ... 63] = 5, [64 ... 127] = 6, [128 ... 255] = 7,
};
/* clang-format on */

/*
 * floor(log2(v)) of 0 < v < 2^32. Without branches: the verifier's state count stays flat however often it is inlined,
 * and the CPU mispredicts nothing.
 */
static __always_inline u32 hist_log2(u64 v)
{
	/* whole bytes below the highest: a difference below 0 has its uppermost bit set */
	u32 bytes = ((0xff - v) >> 63) + ((0xffff - v) >> 63) + ((0xffffff - v) >> 63);

	return bytes * 8 + hist_log2_table[v >> bytes * 8 & 0xff];
}

/* Slot of `ns`, always < HIST_SLOTS(sub_bits). sub_bits is a compile-time constant. */
static __always_inline u32 hist_slot(u64 ns, const u32 sub_bits)
{
	const u32 last = HIST_SLOTS(sub_bits) - 1;
	u32 exp, slot;

	if (ns < 1ULL << HIST_MIN_EXP)
		return 0;
	if (ns >= 1ULL << HIST_MAX_EXP)
		return last;
	exp = HIST_MIN_EXP + hist_log2(ns >> HIST_MIN_EXP);
	slot = 1 + ((exp - HIST_MIN_EXP) << sub_bits) + ((ns >> (exp - sub_bits)) & ((1 << sub_bits) - 1));
	/*
	 * the verifier does not follow the bits above; the compiler would drop a check that it can prove, hence the
	 * barrier
	 */
	asm volatile("" : "+r"(slot));
	return slot > last ? last : slot;
}

/*
 * The slot that the same value has in a coarser histogram: saves a second logarithm where one event goes into two.
 * Clamped like hist_slot(), for the verifier.
 */
static __always_inline u32 hist_coarser(u32 slot, const u32 sub_bits, const u32 coarser)
{
	const u32 last = HIST_SLOTS(coarser) - 1;

	slot = slot ? 1 + ((slot - 1) >> (sub_bits - coarser)) : 0;
	asm volatile("" : "+r"(slot));
	return slot > last ? last : slot;
}
