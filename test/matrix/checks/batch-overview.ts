import assert from 'node:assert/strict';
import type { Check } from '../check.ts';
import { losses } from '../support/agree.ts';

interface Printed {
	schema: number;
	tab: string;
	rows: { pid: number; comm: string; cpu_ns: number }[];
	lost: Record<string, number>;
}

export default {
	shows: 'The built program prints the overview of all tracers in batch mode, with rows, and exits with 0.',
	on: () => true,
	short: true,
	async run(guest) {
		guest.start('/run/matrix/busybox', 'sh', '-c', 'while :; do :; done');
		const text = await guest.wattlag('--batch', '--json', '--tab', 'overview', '--iterations', '2', '--delay', '2');
		const lines = text
			.trim()
			.split('\n')
			.map((line) => JSON.parse(line) as Printed);
		assert.equal(lines.length, 2);
		for (const { schema, tab } of lines) assert.deepEqual({ schema, tab }, { schema: 1, tab: 'overview' });
		const { rows, lost } = lines[1] as Printed;
		guest.note(`lost ${JSON.stringify(losses(lost))}`);
		assert.ok(
			rows.some(({ comm, cpu_ns }) => comm === 'busybox' && cpu_ns > 0),
			`the hog has no row among ${rows.map(({ comm }) => comm).join(' ')}`,
		);
		for (const [cause, count] of Object.entries(lost)) assert.ok(Number.isInteger(count), `${cause}: ${count}`);
	},
} satisfies Check;
