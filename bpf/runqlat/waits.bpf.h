/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by both run-queue objects: the resolution of histograms, and the longest wait of an interval. */
#pragma once

#include "lib/maps.bpf.h"

enum waits_layout {
	/* of histograms system-wide: a percentile is off by at most 6.25 % */
	CPU_SUB_BITS = 4,
	/* per process, whose histogram has to be small: 25 % */
	PROCESS_SUB_BITS = 2,
	/* of a word of `longest` (see below) the bits of the time; the number of the interval is above them */
	LONGEST_BITS = 44,
};
NAMES(waits_layout);

/*
 * The longest wait of an interval cannot be had by difference. Each interval has a number (epoch); its maximum is in
 * the word `epoch & 1` of `longest`, tagged with the number in the upper bits, so that nothing has to be reset: a word
 * with another tag is empty. 2^44 ns are 4.9 hours; a longer wait is capped. The words are declared as low and high
 * halves, since JavaScript's numbers do not hold all 64 bits.
 */
#define LONGEST_MASK ((1ULL << LONGEST_BITS) - 1)
#define EPOCH_MASK ((1ULL << (64 - LONGEST_BITS)) - 1)

static __always_inline u64 tagged(u64 epoch, u64 ns)
{
	return epoch << LONGEST_BITS | (ns < LONGEST_MASK ? ns : LONGEST_MASK);
}

/* Is `ns` the longest so far of its epoch? */
static __always_inline bool is_longer(u64 word, u64 epoch, u64 ns)
{
	return word >> LONGEST_BITS != epoch || (word & LONGEST_MASK) < ns;
}

static __always_inline u64 *longest_word(u32 longest[4], u64 epoch)
{
	return (u64 *)longest + (epoch & 1);
}
