/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms over nanoseconds with a bounded relative error: each octave (power of two) is cut into 2^sub_bits equal
 * slots. Slot 0 holds everything below 2^HIST_MIN_EXP ns, the last one everything from 2^HIST_MAX_EXP ns on.
 * src/histogram.ts is the reader's side of this formula; test/unit/histogram.test.ts holds the two together.
 */
#pragma once

/* 128 ns: below it the clock read itself dominates. 2^36 ns = 69 s: above it the exact value is in `max`. */
#define HIST_MIN_EXP 7
#define HIST_MAX_EXP 36
#define HIST_SLOTS(sub_bits) (((HIST_MAX_EXP - HIST_MIN_EXP) << (sub_bits)) + 2)

/* log2 of a single set bit by de Bruijn multiplication: a table load instead of branches, which keeps the verifier's
 * state count flat however often it is inlined. */
static const volatile u8 hist_log2_table[64] = {
	0, 1, 48, 2, 57, 49, 28, 3, 61, 58, 50, 42, 38, 29, 17, 4, 62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9, 13, 8, 7, 6,
};

/* floor(log2(v)), 0 for v = 0. */
static __always_inline u32 hist_log2(u64 v)
{
	v |= v >> 1;
	v |= v >> 2;
	v |= v >> 4;
	v |= v >> 8;
	v |= v >> 16;
	v |= v >> 32;
	v ^= v >> 1;
	return hist_log2_table[(v * 0x03f79d71b4cb0a89ULL) >> 58];
}

/* Slot of `ns`, always < HIST_SLOTS(sub_bits). sub_bits is a compile-time constant. */
static __always_inline u32 hist_slot(u64 ns, const u32 sub_bits)
{
	const u32 last = HIST_SLOTS(sub_bits) - 1;
	u32 exp = hist_log2(ns);
	u32 slot;

	if (exp < HIST_MIN_EXP)
		return 0;
	if (exp >= HIST_MAX_EXP)
		return last;
	slot = 1 + ((exp - HIST_MIN_EXP) << sub_bits) + ((ns >> (exp - sub_bits)) & ((1 << sub_bits) - 1));
	/* the verifier does not follow the bits above; the compiler would drop a check it can prove, hence the barrier */
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
