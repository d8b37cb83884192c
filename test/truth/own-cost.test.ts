/** What wattlag says its BPF programs cost, against the kernel's run statistics, which are on for all of the test. */
import { afterEach, expect, test } from 'vitest';
import type { BpfCost, Host, Session } from '../../src/core/tracer.ts';
import { OwnCost } from '../../src/sampling/own-cost.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { realHost, seconds } from './host.ts';
import { loopback } from './load.ts';
import { buildWorkloads, type Workloads } from './workload.ts';

type AnySession = Session<object, object>;

/** Turns: the price of a run is measured in one second, and a second of this machine may be another one's. */
const TURNS = 3;

const ending: (() => void | Promise<void>)[] = [];
afterEach(async () => {
	for (const end of ending.splice(0)) await end();
});

/** Measures the price under one load. @returns for each session its figures under a busier one, and what the kernel counted */
async function turn(host: Host, sessions: readonly AnySession[], workloads: Workloads) {
	const costs = (): Map<AnySession, BpfCost> => new Map(sessions.map((session) => [session, session.cost()]));
	const own = new OwnCost(host);
	ending.push(() => own.stop());
	own.begin(sessions);
	workloads.start(undefined, 'threads', 4, 2, 0.001, 0.003);
	await Promise.all([loopback(1000), seconds(1)]);
	own.tick(costs());

	const before = costs();
	own.tick(before);
	workloads.start(undefined, 'threads', 4, 2, 0.001, 0.002);
	await Promise.all([loopback(3000), seconds(1.5)]);
	const after = costs();
	const said = own.tick(after);
	own.stop();
	return sessions.map((session) => {
		const [from, to] = [before.get(session) as BpfCost, after.get(session) as BpfCost];
		return { ...said(session, 1.5e9), ns: to.ns - from.ns, runs: to.runs - from.runs };
	});
}

test('runs × price is what the kernel counts, for a busier load than the one that was measured', async () => {
	const host = realHost();
	const workloads = buildWorkloads();
	ending.push(() => workloads.stop());
	const sessions = [runqlat, irq].map((tracer): AnySession => tracer.start(host, {}));
	ending.push(...sessions.map((session) => () => session.close()));
	const truth = host.addon.enableStats();
	ending.push(() => truth.close());
	const ratios = sessions.map((): number[] => []);
	for (let index = 0; index < TURNS; index++) {
		for (const [which, cost] of (await turn(host, sessions, workloads)).entries()) {
			expect(cost.runs).toBeGreaterThan(1000);
			expect(cost.bpf_measured_ns).toBe(0);
			// the programs that are on their way while one side is read; those whose begin came before attaching ended
			expect(Math.abs(cost.bpf_runs - cost.runs)).toBeLessThan(0.002 * cost.runs + 20);
			expect(cost.bpf_ns).not.toBeNull();
			ratios[which]?.push((cost.bpf_ns ?? 0) / cost.ns);
		}
	}
	for (const each of ratios) {
		const median = each.toSorted((a, b) => a - b)[(TURNS - 1) / 2];
		// caches differ between loads
		expect(median).toBeGreaterThan(0.7);
		expect(median).toBeLessThan(1.45);
	}
});
