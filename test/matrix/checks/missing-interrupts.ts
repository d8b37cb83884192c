import assert from 'node:assert/strict';
import { irq } from '../../../src/tracers/irq/tracer.ts';
import type { Check } from '../check.ts';

export default {
	shows: 'Timer ticks and IPIs that have rows are not said to be missing.',
	on: ({ name }) => name === '6.1-arm64' || name === '6.1-virtio',
	async run(guest) {
		const session = guest.measure(irq, {}, 'line');
		session.read();
		await guest.seconds(1);
		const { rows, source } = session.read();
		const names = rows.map(({ name }) => name);
		const ticks = names.filter((name) => /^(arch_timer|local_timer|IPI)$/.test(name));
		assert.ok(ticks.length > 0, `no row of ticks among ${names.join(' ')}`);
		const said = [...(source.missing ?? []), source.lacks ?? ''].filter((text) => /timer|IPI/.test(text));
		assert.deepEqual(said, [], `rows: ${ticks.join(' ')}`);
	},
} satisfies Check;
