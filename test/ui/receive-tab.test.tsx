import { expect, test } from 'vitest';
import type { StageStats } from '../../src/core/stages/figures.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { columns } from '../../src/tracers/receive/columns.ts';
import type { ReceiveExtra, ReceiveRow } from '../../src/tracers/receive/snapshot.ts';
import { receive } from '../../src/tracers/receive/tracer.ts';
import type { TabEntry } from '../../src/ui/tab.ts';
import { receiveTab } from '../../src/ui/tabs/receive/tab.tsx';
import { eventually } from './plain.ts';
import { onScreen } from './screen.tsx';

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

const screen = onScreen('receive', [{ tracer: receive, tab: async () => receiveTab } as unknown as TabEntry]);
const { text, keys } = screen;

const show = (rows: readonly ReceiveRow[], missing: ReceiveExtra['missing']) =>
	screen.show({
		schema: 1,
		tab: 'receive',
		time: new Date(0).toISOString(),
		mono_ns: 1e9,
		dt_ns: 1e9,
		group: 'protocol',
		source: { kind: 'tracepoint', description: '', uncertainty: 'exact', hooks: [] },
		lost: { unseen_start: 0 },
		cost: { bpf_ns: 0, bpf_runs: 0, bpf_measured_ns: 0, cpu_ns: 0, rss_bytes: 0, kernel_bytes: 0 },
		missing,
		rows,
	});

test('a row with its figures; selected, its stages', async () => {
	await show([row], []);
	await eventually(() => expect(text()).toMatch(/eth0 +udp +100 /));
	expect(text()).toContain('time from driver to process: all packets');
	await keys('\x1b[B');
	await eventually(() => expect(text()).toMatch(/socket +100 +5\.00ms +5\.00ms +5\.00ms +15\.0ms +20\.0ms/));
	expect(text()).toContain('time from driver to process: eth0 udp');
});

test('a kernel without a hook: the screen shows the missing stage and the reason', async () => {
	await show([row], [{ stage: 'socket', all: false, reason: safe`no tracepoint sk_data_ready` }]);
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
	await show([], []);
	await eventually(() => expect(text()).toContain('no packet was received in this interval'));
});
