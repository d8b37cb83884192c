import { formatBytes } from '../../../lib/format.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import { safe } from '../../../lib/sanitize.ts';
import { duration, percent } from '../format.ts';
import type { Rule } from '../rule.ts';

const limits = { free: 0.01 };

/** A file system has no room left. */
export const full = {
	id: 'full',
	level: 'high',
	title: 'file systems',
	help: `A file system on a disk that can be written has at most ${percent(limits.free)} of its space or of its inodes free; read every ${duration(5e9)}.`,
	check({ spaces }) {
		return spaces.map(({ mount, total_bytes, free_bytes, inodes, free_inodes }) => {
			const bytes = total_bytes > 0 ? free_bytes / total_bytes : 1;
			const files = inodes > 0 ? free_inodes / inodes : 1;
			const least = Math.min(bytes, files);
			const what =
				bytes <= files
					? safe`${formatBytes(free_bytes, 'full') as SafeText} of ${formatBytes(total_bytes, 'full') as SafeText} free`
					: safe`${free_inodes} of ${inodes} inodes free`;
			return {
				about: mount,
				excess: least <= limits.free ? 1 + (limits.free - least) / limits.free : limits.free / least,
				subject: mount,
				text: least === 0 ? safe`is full: ${what}; writes fail` : safe`is nearly full: ${what}`,
				figures: { free_bytes, total_bytes, free_inodes, inodes },
				owner: null,
				link: { tab: 'io' as const, group: 'process', filter: '', sort: 'bytes' },
				touches: least === 0 ? 1 : 0.5,
			};
		});
	},
} as const satisfies Rule;
