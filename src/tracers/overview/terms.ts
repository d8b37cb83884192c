/** Words of the overview that need explaining: its findings' among them. */
import type { Term } from '../../core/tracer.ts';
import { rules } from './rules.ts';

export const terms: readonly Term[] = [
	[
		'why',
		'the lines on top: at most five findings, worst first, each with figures, owner, begin, and a key that opens the tab and rows that show it; a finding is reported after 1.5 s and ends after 3 s below its limit',
	],
	...rules.map(({ title, help }) => [title, help] as const),
	[
		'PSI',
		'pressure stall information of the kernel: share of the interval in which at least one task was stalled on CPU, memory or IO; –: not supported by this kernel (no CONFIG_PSI, or psi=0)',
	],
];
