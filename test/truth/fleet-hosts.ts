/** Many hosts on one machine: each an exporter fed with a load of its own, all behind one port. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Exporter } from '../../src/export/exporter.ts';
import { TEXT } from '../../src/export/text.ts';
import { type FourTabs, fourTabs } from '../ui/fixtures/four-tabs.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';

export type Health = 'well' | 'killed' | 'hung' | 'slow';

export interface FakeHost {
	name: string;
	health: Health;
	/** What it reports each second: the truth of its row. */
	cpu: number;
	watts: number;
	irq: number;
}

export interface FakeHosts {
	port: number;
	hosts: FakeHost[];
	/** Seconds of load per second in the last `window` s: a loaded machine ticks late. */
	pace(window: number): number;
	close(): Promise<void>;
}

const SECOND = 1e9;

/** Snapshots of one second, the same again and again: rates are what one of them has. */
function second(index: number, { snapshots }: FourTabs): Snapshot[] {
	const all = [...snapshots, overviewFixture()(index, snapshots) as unknown as Snapshot];
	return all.map((one) => ({ ...one, dt_ns: SECOND }));
}

function truthOf(name: string, { energy, irq }: FourTabs): FakeHost {
	const cpu =
		energy.rows.reduce((sum, { cpu_ns }) => sum + cpu_ns, 0) + Math.max(0, energy.irq_ns - energy.irq_in_rows_ns);
	const lines = irq.rows.filter(({ kind, cpu: of }) => kind !== 'irq_time' && of === 'all');
	return {
		name,
		health: 'well',
		cpu: cpu / SECOND,
		watts: energy.measured_uj / 1e6,
		irq: lines.reduce((sum, { time_ns }) => sum + time_ns, 0) / SECOND,
	};
}

export async function fakeHosts(count: number): Promise<FakeHosts> {
	const all = Array.from({ length: count }, (_, index) => {
		const tabs = fourTabs(index);
		const name = `host${String(index).padStart(3, '0')}`;
		const exporter = new Exporter({ version: '1', host: name, kernel: '6', series: 400 });
		return { snapshots: second(index, tabs), exporter, truth: truthOf(name, tabs) };
	});
	const times: number[] = [];
	const tick = () => {
		times.push(performance.now());
		const time = new Date().toISOString();
		for (const { snapshots, exporter } of all)
			for (const snapshot of snapshots) exporter.apply({ kind: 'snapshot', snapshot: { ...snapshot, time } });
	};
	const timer = setInterval(tick, 1000);
	tick();
	const server: Server = createServer((request, response: ServerResponse) => {
		const host = all[Number(/^\/(\d+)\/metrics/.exec(request.url ?? '')?.[1])];
		if (!host) {
			response.writeHead(404).end();
			return;
		}
		const answer = () => response.writeHead(200, { 'Content-Type': TEXT }).end(host.exporter.text(TEXT));
		if (host.truth.health === 'killed') request.socket.destroy();
		else if (host.truth.health === 'slow') setTimeout(answer, 500);
		else if (host.truth.health === 'well') answer();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	return {
		port: typeof address === 'object' && address ? address.port : 0,
		hosts: all.map(({ truth }) => truth),
		pace: (window) => times.filter((at) => performance.now() - at <= window * 1000).length / window,
		close: () => {
			clearInterval(timer);
			return new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			});
		},
	};
}
