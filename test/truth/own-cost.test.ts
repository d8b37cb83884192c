/** What wattlag says its BPF programs cost, against the kernel's run statistics, which are on for all of the test. */
import { afterEach, expect, test } from 'vitest';
import type { Session } from '../../src/core/tracer.ts';
import { OwnCost } from '../../src/sampling/own-cost.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { realHost, seconds } from './host.ts';
import { loopback } from './load.ts';
import { buildWorkloads } from './workload.ts';

const workloads = buildWorkloads();
const ending: (() => void)[] = [];
afterEach(async () => {
	for (const end of ending.splice(0)) end();
	await workloads.stop();
});

test('runs × price is what the kernel counts, for a busier load than the one that was measured', async () => {
	const host = realHost();
	const sessions = [runqlat, irq].map((tracer): Session<object, object> => tracer.start(host, {}));
	ending.push(...sessions.map((session) => () => session.close()));
	const costs = () => new Map(sessions.map((session) => [session, session.cost()]));
	const truth = host.addon.enableStats();
	ending.push(() => truth.close());
	const own = new OwnCost(host);
	ending.push(() => own.stop());

	own.begin(sessions);
	workloads.start(undefined, 'threads', 4, 10, 0.001, 0.003);
	await Promise.all([loopback(1000), seconds(1)]);
	own.tick(costs());

	const before = costs();
	own.tick(before);
	workloads.start(undefined, 'threads', 4, 10, 0.001, 0.002);
	await Promise.all([loopback(3000), seconds(1.5)]);
	const after = costs();
	const said = own.tick(after);
	for (const session of sessions) {
		const cost = said(session, 1.5e9);
		const [from, to] = [before.get(session), after.get(session)];
		const ns = (to?.ns ?? 0) - (from?.ns ?? 0);
		const runs = (to?.runs ?? 0) - (from?.runs ?? 0);
		expect(runs).toBeGreaterThan(1000);
		expect(cost.bpf_measured_ns).toBe(0);
		// the programs that are on their way while one side is read; those whose begin came before attaching ended
		expect(Math.abs(cost.bpf_runs - runs)).toBeLessThan(0.002 * runs + 20);
		// caches differ between loads
		expect(cost.bpf_ns).toBeGreaterThan(0.7 * ns);
		expect(cost.bpf_ns).toBeLessThan(1.45 * ns);
	}
});
