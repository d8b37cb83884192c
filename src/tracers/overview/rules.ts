/**
 * The table of rules, one file each. Of findings of one level that begin together, the rule further up comes first.
 */
import type { Rule } from './rule.ts';
import { blocked } from './rules/blocked.ts';
import { contention } from './rules/contention.ts';
import { cpuSaturated } from './rules/cpu-saturated.ts';
import { deadlock } from './rules/deadlock.ts';
import { drops } from './rules/drops.ts';
import { frequencyCapped } from './rules/frequency-capped.ts';
import { full } from './rules/full.ts';
import { garbage } from './rules/garbage.ts';
import { halted } from './rules/halted.ts';
import { hardwareRule } from './rules/hardware.ts';
import { irqStorm } from './rules/irq-storm.ts';
import { irqTimeRule } from './rules/irq-time.ts';
import { linkRule } from './rules/link.ts';
import { losses } from './rules/losses.ts';
import { memoryLimit } from './rules/memory-limit.ts';
import { noRest } from './rules/no-rest.ts';
import { oom } from './rules/oom.ts';
import { ownCost } from './rules/own-cost.ts';
import { power } from './rules/power.ts';
import { pressure } from './rules/pressure.ts';
import { retransmits } from './rules/retransmits.ts';
import { slowDevice } from './rules/slow-device.ts';
import { slowed } from './rules/slowed.ts';
import { softirqLate } from './rules/softirq-late.ts';
import { stall } from './rules/stall.ts';
import { starving } from './rules/starving.ts';
import { stopped } from './rules/stopped.ts';
import { storm } from './rules/storm.ts';
import { stuckIo } from './rules/stuck-io.ts';
import { throttled } from './rules/throttled.ts';
import { throttledHeat } from './rules/throttled-heat.ts';
import { tickGap } from './rules/tick-gap.ts';
import { waits } from './rules/waits.ts';

export const rules = [
	stopped,
	deadlock,
	stuckIo,
	starving,
	full,
	slowed,
	halted,
	memoryLimit,
	garbage,
	storm,
	oom,
	hardwareRule,
	blocked,
	slowDevice,
	irqStorm,
	irqTimeRule,
	cpuSaturated,
	throttled,
	throttledHeat,
	waits,
	contention,
	stall,
	pressure,
	drops,
	retransmits,
	linkRule,
	tickGap,
	power,
	frequencyCapped,
	noRest,
	softirqLate,
	losses,
	ownCost,
] as const satisfies readonly Rule[];

export type RuleId = (typeof rules)[number]['id'];
