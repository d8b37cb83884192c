import './blessed-hook.ts';
import { render } from 'ink-testing-library';
import { afterEach, expect, test, vi } from 'vitest';
import { columns } from '../../src/receive/columns.ts';
import type { ReceiveExtra, ReceiveRow } from '../../src/receive/snapshot.ts';
import { safe, sanitize } from '../../src/sanitize.ts';
import type { StageStats } from '../../src/stages/figures.ts';
import { Store } from '../../src/store.ts';
import { receive } from '../../src/tracers/receive.ts';
import { App } from '../../src/ui/app.tsx';
import type { TabEntry } from '../../src/ui/tab.ts';
import { receiveTab } from '../../src/ui/tabs/receive.tsx';
import { eventually, plain, settle } from './plain.ts';

const stage = (mean_ns: number): StageStats => ({
	count: 100,
	mean_ns,
	p50_ns: mean_ns,
	p90_ns: mean_ns,
	p99_ns: mean_ns * 3,
	max_ns: mean_ns * 4,
	buckets: [[mean_ns * 2, 100]],
});

const row: ReceiveRow = {
	device: sanitize('eth0'),
	protocol: safe`udp`,
	count: 100,
	bytes: 100_000,
	received: 101,
	dropped: 1,
	consumed: 0,
	merged: 0,
	stages: { driver: stage(1000), stack: stage(2000), socket: stage(5_000_000), total: stage(5_003_000) },
	count_total: 1000,
	bytes_total: 1_000_000,
	received_total: 1010,
	dropped_total: 10,
	stages_total: {},
};

const nothing = vi.fn();
let screen: ReturnType<typeof render> | undefined;
afterEach(() => screen?.unmount());

function show(rows: readonly ReceiveRow[], missing: ReceiveExtra['missing']): () => string {
	const store = new Store();
	const entry = { tracer: receive, tab: async () => receiveTab } as unknown as TabEntry;
	screen = render(
		<App
			tabs={[entry]}
			initialTab="receive"
			store={store}
			host={{ host: safe`machine`, kernel: safe`6.1.0`, cpus: 8, load: () => [0, 0, 0], uptime: () => 1 }}
			delay={1}
			actions={{
				quit: nothing,
				suspend: nothing,
				redraw: nothing,
				setInterval: nothing,
				setGroup: nothing,
				look: nothing,
				tune: nothing,
				copy: nothing,
				record: async () => '',
				inspect: async () => null,
			}}
		/>,
	);
	store.apply({
		kind: 'snapshot',
		snapshot: {
			schema: 1,
			tab: 'receive',
			time: new Date(0).toISOString(),
			mono_ns: 1e9,
			dt_ns: 1e9,
			group: 'protocol',
			source: { kind: 'tracepoint', description: '', uncertainty: 'exact', hooks: [] },
			lost: { unseen_start: 0 },
			cost: { bpf_ns: 0, bpf_runs: 0, bpf_measured_ns: 0, cpu_ns: 0, rss_bytes: 0 },
			missing,
			rows,
		} as never,
	});
	return () => plain(screen?.lastFrame());
}

test('a row with its figures; selected, its stages', async () => {
	const text = show([row], []);
	await eventually(() => expect(text()).toMatch(/eth0 +udp +100 /));
	expect(text()).toContain('time from driver to process: all packets');
	screen?.stdin.write('\x1b[B');
	await settle();
	await eventually(() => expect(text()).toMatch(/socket +100 +5\.00ms +5\.00ms +5\.00ms +15\.0ms +20\.0ms/));
	expect(text()).toContain('time from driver to process: eth0 udp');
});

test('a kernel without a hook: the screen says which stage is missing and why', async () => {
	const text = show([row], [{ stage: 'socket', all: false, reason: safe`no tracepoint sk_data_ready` }]);
	await eventually(() => expect(text()).toContain('socket: no tracepoint sk_data_ready'));
});

test('a stage that no packet has is no column', () => {
	const shown = (all: boolean) =>
		columns
			.filter((column) => column.shown?.({ group: 'protocol', missing: [{ stage: 'socket', all }] }) ?? true)
			.map(({ key }) => key);
	expect(shown(false)).toContain('socket_mean');
	expect(shown(true)).not.toContain('socket_mean');
	expect(shown(true)).toContain('stack_p99');
});

test('without packets', async () => {
	const text = show([], []);
	await eventually(() => expect(text()).toContain('no packet was received in this interval'));
});
