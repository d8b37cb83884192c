import assert from 'node:assert/strict';
import type { Check } from '../check.ts';

interface Printed {
	time: string;
	mono_ns: number;
	dt_ns: number;
	gap?: { suspended_ns: number };
}

const HOUR = 3600;

export default {
	shows: 'The wall clock steps by an hour, forwards and backwards: no interval is longer or shorter for that.',
	on: ({ name }) => name.endsWith('-virtio') || name === '6.1-arm64',
	async run(guest) {
		const running = guest.start(
			...guest.program,
			'--batch',
			'--json',
			'--tab',
			'runqlat',
			'--delay',
			'1',
			'--limit',
			'1',
		);
		const lines = (): Printed[] => {
			const whole = running.output().split('\n').slice(0, -1);
			return whole.map((line) => JSON.parse(line) as Printed);
		};
		const moreLines = async (count: number): Promise<void> => {
			const wanted = lines().length + count;
			while (lines().length < wanted) await guest.seconds(0.2);
		};
		const step = (seconds: number) => guest.run('date', '-u', '-s', `@${Math.round(Date.now() / 1000) + seconds}`);
		await running.firstLine;
		await moreLines(1);
		await step(HOUR);
		await moreLines(2);
		await step(-HOUR);
		await moreLines(2);
		const printed = lines();
		const times = printed.map(({ time }) => Date.parse(time));
		const steps = times.slice(1).map((time, index) => time - (times[index] as number));
		assert.ok(Math.max(...steps) > (HOUR / 2) * 1000 && Math.min(...steps) < 0, `the clock did not step: ${steps}`);
		for (const [index, { dt_ns, mono_ns, gap }] of printed.entries()) {
			assert.ok(dt_ns > 0 && dt_ns < (HOUR / 2) * 1e9, `interval ${index} has ${dt_ns} ns`);
			assert.ok(index === 0 || mono_ns > (printed[index - 1] as Printed).mono_ns, 'CLOCK_MONOTONIC goes back');
			assert.equal(gap?.suspended_ns ?? 0, 0);
		}
	},
} satisfies Check;
