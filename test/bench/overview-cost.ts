/**
 * What the overview costs per tick: joining, rules and tracker, and handing its snapshot to the main thread, at 1,000
 * and 10,000 processes that all did something. `node test/bench/overview-cost.ts`
 */
import { performance } from 'node:perf_hooks';
import { deserialize, serialize } from 'node:v8';
import { OverviewSession } from '../../src/triage/overview.ts';
import { tickOf } from '../unit/triage-fixtures.ts';

const rounds = 100;

function median(values: number[]): string {
	const sorted = values.toSorted((a, b) => a - b);
	return `${(sorted[sorted.length >> 1] as number).toFixed(2)} ms`;
}

for (const count of [1000, 10_000]) {
	const processes = Array.from({ length: count }, (_, index) => ({
		pid: index + 1,
		comm: `process-${index % 300}`,
		cgroup: `/system.slice/service-${index % 50}.service`,
		cpu: 0.001,
		watts: 0.01,
		wait: 0.001,
		p99: 1e6,
		...(index < 64 && { stolen: 0.001 }),
	}));
	const tick = tickOf({ processes });
	const session = new OverviewSession(4, {
		pressure: { read: () => null },
		groups: { read: () => ({}) },
		quota: { read: () => [] },
	});
	const [derive, hand]: [number[], number[]] = [[], []];
	for (let round = 0; round < rounds; round++) {
		const from = performance.now();
		const reading = session.read(1e9, 'process', tick);
		const read = performance.now();
		deserialize(serialize(reading));
		derive.push(read - from);
		hand.push(performance.now() - read);
	}
	console.log(`${count} processes: derived in ${median(derive)}, serialised and back ${median(hand)}`);
}
