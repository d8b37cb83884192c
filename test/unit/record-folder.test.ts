import { execFileSync } from 'node:child_process';
import {
	chownSync,
	closeSync,
	constants,
	existsSync,
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { type Archive, FolderArchive, nearest, type Place } from '../../src/recording/archive.ts';
import { toText } from '../../src/recording/columns-text.ts';
import { compareRecordings } from '../../src/recording/compare/compare.ts';
import { Folder, parseSegmentName } from '../../src/recording/folder.ts';
import { HEAD, KINDS, packFrame, preamble } from '../../src/recording/frame.ts';
import { Merging } from '../../src/recording/merging.ts';
import { openRecording } from '../../src/recording/open.ts';
import { type AnyRecording, openAny } from '../../src/recording/recordings.ts';
import { bufferSource, ENTRY, indexEntry, Segment } from '../../src/recording/segment.ts';
import { aboutFrame } from '../../src/recording/segment-writer.ts';
import { generator } from '../lib/random.ts';
import { makeTree, treePerTest } from '../lib/tree.ts';
import { BOOT, intervals, limits, plain, recordedTabs, recorderTo, recordTo } from './record-fixtures.ts';

const tree = treePerTest();

async function read(path: string) {
	const recording = await openAny(path, recordedTabs);
	const snapshots: Snapshot[] = [];
	for await (const snapshot of recording.snapshots()) snapshots.push(snapshot);
	recording.close();
	return { recording, snapshots, damage: recording.damage() };
}

const segmentsOf = (path: string) => readdirSync(path).filter((name) => name.endsWith('.wlr'));

describe('a recorded folder', () => {
	test('gives every snapshot back, in order, whole', async () => {
		const all = intervals(70);
		await recordTo(tree.root, all);
		const { snapshots, damage, recording } = await read(tree.root);
		expect(damage).toEqual([]);
		expect(snapshots.map((snapshot) => JSON.stringify(snapshot))).toEqual(
			all.flat().map((snapshot) => JSON.stringify(snapshot)),
		);
		expect(recording.machine).toEqual({ host: 'host', kernel: '6.1.0', cpus: 8, boot: BOOT });
	});

	test.each(['a link', 'a pipe', 'a folder'])(
		'%s in the place of a file that is written: one line, nothing else',
		(kind) => {
			const path = tree.path('marks');
			const outside = join(tree.root, '..', `outside-${process.pid}`);
			if (kind === 'a link') symlinkSync(outside, path);
			else if (kind === 'a pipe') execFileSync('mkfifo', [path]);
			else mkdirSync(path);
			const folder = new Folder(tree.root);
			expect(() => folder.openOwn('marks', constants.O_WRONLY | constants.O_APPEND)).toThrow(`${tree.root}/marks: `);
			expect(existsSync(outside)).toBe(false);
			folder.close();
		},
	);

	test('a file of another user, or one that has a second name, is not written to', () => {
		const folder = new Folder(tree.root);
		const open = () => folder.openOwn('marks', constants.O_WRONLY | constants.O_APPEND);
		writeFileSync(tree.path('elsewhere'), 'whole');
		linkSync(tree.path('elsewhere'), tree.path('marks'));
		expect(open).toThrow(`${tree.root}/marks: has a second name (hard link)`);
		rmSync(tree.path('marks'));
		closeSync(open());
		if (process.geteuid?.() === 0) {
			chownSync(tree.path('marks'), 12345, 12345);
			expect(open).toThrow(`${tree.root}/marks: belongs to another user (uid 12345)`);
		}
		expect(readFileSync(tree.path('elsewhere'), 'utf8')).toBe('whole');
		folder.close();
	});

	test('is its owner’s alone', async () => {
		await recordTo(tree.root, intervals(1));
		for (const name of readdirSync(tree.root)) expect(statSync(tree.path(name)).mode & 0o777).toBe(0o600);
	});

	test('an index that is lost, damaged or too short is made from the segment', async () => {
		await recordTo(tree.root, intervals(5));
		const [segment] = segmentsOf(tree.root) as [string];
		const index = tree.path(segment.replace('.wlr', '.idx'));
		const whole = readFileSync(index);
		for (const bytes of [whole, Buffer.alloc(0), whole.subarray(0, 500), Buffer.alloc(whole.length, 7)]) {
			writeFileSync(index, bytes);
			expect((await read(tree.root)).snapshots).toHaveLength(30);
		}
	});

	test('the index of an ended segment is packed: the same facts in less than a third of the room', async () => {
		const all = intervals(80);
		await recordTo(tree.root, all);
		const [name] = segmentsOf(tree.root) as [string];
		const source = bufferSource(readFileSync(tree.path(name)));
		const packed = readFileSync(tree.path(name.replace('.wlr', '.idx')));
		const [walked, read] = [new Segment(source), new Segment(source, packed)];
		expect(walked.length).toBe(all.flat().length);
		expect(read.length).toBe(walked.length);
		expect(packed.length).toBeLessThan((walked.length * ENTRY) / 3);
		for (let at = 0; at < walked.length; at++)
			expect({ ...read.head(at), crc: walked.head(at).crc }).toEqual(walked.head(at));
		expect(readdirSync(tree.root).filter((file) => file.endsWith('.new'))).toEqual([]);
	});

	test('a recorder that was killed while it packed an index leaves what plays, and does not stay in the way', async () => {
		await recordTo(tree.root, intervals(2));
		const [name] = segmentsOf(tree.root) as [string];
		const left = tree.path(`${name.replace('.wlr', '.idx')}.new`);
		writeFileSync(left, 'half');
		expect((await read(tree.root)).snapshots).toHaveLength(12);
		const folder = new Folder(tree.root);
		await folder.replace(name.replace('.wlr', '.idx'), Buffer.from('short'));
		expect(existsSync(left)).toBe(false);
		expect((await read(tree.root)).snapshots).toHaveLength(12);
		folder.remove(name);
		folder.close();
		expect(readdirSync(tree.root).filter((file) => file.includes(name.replace('.wlr', '')))).toEqual([]);
	});

	test('a folder of format 3 plays: frames with the key frame as dictionary alone, an index that is not packed', async () => {
		const energy = intervals(5)
			.flat()
			.filter(({ tab }) => tab === 'energy');
		const texts = energy.map(toText);
		const about = {
			host: 'h',
			kernel: '6.1',
			cpus: 2,
			boot: BOOT,
			version: '0',
			step: 1,
			over: 0,
			tabs: ['energy'],
			schemas: [1],
		};
		const head = preamble();
		head.writeUInt32LE(3, 16);
		const parts = [head, aboutFrame(about as never, 1.7e12, 1e9)];
		const entries: Buffer[] = [];
		for (const [at, text] of texts.entries()) {
			const facts = { kind: KINDS.snapshot, tab: 0, level: 0, findings: 0, busy: null, wall: 1.7e12 + at, mono_ns: at };
			const frame = packFrame(facts, text, at > 0 ? texts[0] : undefined);
			entries.push(indexEntry(Buffer.concat(parts).length, frame.subarray(0, HEAD)));
			parts.push(frame);
		}
		writeFileSync(tree.path('seg-1700000000000-00000000-000001.wlr'), Buffer.concat(parts));
		writeFileSync(tree.path('seg-1700000000000-00000000-000001.idx'), Buffer.concat(entries));
		const { snapshots, damage } = await read(tree.root);
		expect(damage).toEqual([]);
		expect(snapshots).toEqual(plain(energy));
	});

	test('any moment is read alone, backwards too; a damaged frame costs those that follow it, not the next chain', async () => {
		const all = intervals(70);
		await recordTo(tree.root, all);
		const [name] = segmentsOf(tree.root) as [string];
		const open = () => new FolderArchive(tree.root, recordedTabs).archive;
		const archive = open();
		const energy = all.flat().filter(({ tab }) => tab === 'energy');
		const order = energy.map((_, at) => (at * 29) % energy.length);
		for (const at of [...order, ...energy.keys(), ...[...energy.keys()].reverse()])
			expect(JSON.stringify(archive.snapshot(archive.of('energy')[at] as Place))).toBe(JSON.stringify(energy[at]));
		// by its length alone a reader decompresses few frames for one moment
		const bytes = readFileSync(tree.path(name));
		const segment = new Segment(bufferSource(bytes));
		const tenth = archive.of('energy')[10] as Place;
		bytes[segment.offset(tenth.at) + HEAD + 9] = (bytes[segment.offset(tenth.at) + HEAD + 9] as number) ^ 1;
		writeFileSync(tree.path(name), bytes);
		const damaged = open();
		const readable = damaged.of('energy').map((place) => {
			try {
				return damaged.snapshot(place) !== undefined;
			} catch {
				return false;
			}
		});
		expect(readable.flatMap((good, at) => (good ? [] : [at]))).toEqual([10, 11, 12, 13, 14, 15]);
	});

	test('a torn tail is cut and counted, wherever it was torn', async () => {
		await recordTo(tree.root, intervals(12));
		const [name] = segmentsOf(tree.root) as [string];
		const bytes = readFileSync(tree.path(name));
		const torn = makeTree();
		mkdirSync(torn.path('r'));
		let before = 72;
		for (let cut = 0; cut < 1000; cut++) {
			const length = Math.floor((bytes.length * (999 - cut)) / 999);
			const file = torn.path(`r/${name}`);
			if (cut === 0) writeFileSync(file, bytes);
			truncateSync(file, length);
			const archive = new FolderArchive(torn.path('r'), recordedTabs);
			const places = [...archive.archive.all()];
			expect(places.length).toBeLessThanOrEqual(before);
			before = places.length;
			const [last] = places.slice(-1);
			if (last) expect(archive.archive.snapshot(last).rows).toBeDefined();
			const whole = last ? places.length === 72 : false;
			if (length < bytes.length && !whole) expect(archive.archive.damage.length).toBeLessThanOrEqual(1);
			archive.close();
		}
		expect(before).toBe(0);
	});

	test('frames are where the segments say, after a restart too', async () => {
		const all = intervals(6);
		await recordTo(tree.root, all.slice(0, 3));
		await recordTo(tree.root, all.slice(3));
		const numbers = segmentsOf(tree.root).map((name) => parseSegmentName(name)?.number);
		expect(numbers.sort()).toEqual([1, 2]);
		expect((await read(tree.root)).snapshots).toEqual(plain(all.flat()));
	});

	test('what is merged covers only what is no longer there as it was measured', async () => {
		const all = intervals(40);
		await recordTo(tree.root, all, { merged: true, segmentMs: 0 });
		const before = await read(tree.root);
		expect(before.snapshots.map(({ dt_ns }) => dt_ns)).toEqual(all.flat().map(() => 1e9));
		// the first 25 seconds are gone
		const folder = new Folder(tree.root);
		for (const { name, tier, number } of folder.segments()) if (tier === 'seg' && number <= 25) folder.remove(name);
		folder.close();
		const { snapshots } = await read(tree.root);
		const energy = snapshots.filter(({ tab }) => tab === 'energy').map(({ dt_ns, mono_ns }) => [mono_ns, dt_ns]);
		expect(energy.slice(0, 3)).toEqual([
			[9e9, 10e9],
			[19e9, 10e9],
			[25e9, 1e9],
		]);
	});
});

describe('merged intervals', () => {
	const tracer = (id: string) => recordedTabs.find((tab) => tab.id === id) as (typeof recordedTabs)[number];
	const base = intervals(1)[0]?.find(({ tab }) => tab === 'energy') as Snapshot;
	const row = (pid: number, start_time: number, cpu_ns: number, comm = 'cc1') => {
		const figures = { cpu_ns, cpu_ns_total: cpu_ns, energy_uj: cpu_ns / 1e3, energy_uj_total: cpu_ns / 1e3 };
		const [watts, share] = [(figures.energy_uj / 1e9) * 1000, figures.energy_uj / 1e6];
		return { pid, start_time, comm, cgroup: '/build', user: 'u', ...figures, watts, share, threads: 1, processes: 1 };
	};
	const interval = (at: number, rows: readonly object[]): Snapshot =>
		({ ...base, mono_ns: at * 1e9, dt_ns: 1e9, group: 'process', measured_uj: 1e6, rows }) as unknown as Snapshot;
	type Energy = ReturnType<typeof row>;
	const merged = (all: readonly Snapshot[]) => {
		const merging = new Merging([tracer('energy')]);
		const [one] = [...all.flatMap((snapshot) => merging.add(snapshot)), ...merging.end()];
		return (one as Snapshot).rows as readonly Energy[];
	};

	test('processes that began and ended within one are a row for each command; others keep theirs', () => {
		const all = [
			interval(11, [row(1, 5e9, 7e6, 'init'), row(20, 10.2e9, 4e6), row(21, 10.4e9, 5e6), row(9, 3e9, 1e6)]),
			interval(12, [row(1, 5e9, 1e6, 'init'), row(22, 11.5e9, 6e6), row(23, 11.6e9, 1e6, 'ld')]),
			interval(13, [row(1, 5e9, 1e6, 'init'), row(24, 12.5e9, 8e6)]),
		];
		const rows = merged(all);
		const of = (comm: string) => rows.filter((one) => one.comm === comm);
		expect(of('init').map(({ pid, cpu_ns }) => [pid, cpu_ns])).toEqual([[1, 9e6]]);
		// pid 9 began before, 24 is alive, 23 is alone
		expect(of('ld').map(({ pid }) => pid)).toEqual([23]);
		expect(
			of('cc1')
				.map(({ pid, processes, cpu_ns, cgroup, user }) => [pid, processes, cpu_ns, cgroup, user])
				.sort(),
		).toEqual([
			[0, 3, 15e6, '/build', 'u'],
			[24, 1, 8e6, '/build', 'u'],
			[9, 1, 1e6, '/build', 'u'],
		]);
		const sum = (list: readonly Energy[]) => list.reduce((total, { cpu_ns }) => total + cpu_ns, 0);
		expect(sum(rows)).toBe(sum(all.flatMap((one) => one.rows as readonly Energy[])));
	});

	test('so are entries of lists of processes: those that ended, of one name', () => {
		const entry = (pid: number, start_time: number, time_ns: number, comm = 'cc1') => {
			const figures = {
				count: 2,
				time_ns,
				max_ns: time_ns,
				mean_ns: time_ns / 2,
				count_total: 2,
				time_ns_total: time_ns,
			};
			return { interrupted: 'process', pid, start_time, comm, cgroup: '/b', ...figures };
		};
		const irq = intervals(1)[0]?.find(({ tab }) => tab === 'irq') as Snapshot;
		const listed = [
			[entry(0, 0, 90, 'idle'), entry(20, 10.2e9, 40), entry(21, 10.4e9, 60)],
			[entry(0, 0, 10, 'idle'), entry(22, 11.5e9, 100), entry(24, 11.9e9, 6)],
			[entry(0, 0, 20, 'idle'), entry(24, 11.9e9, 8)],
		];
		const merging = new Merging([tracer('irq')]);
		const all = listed.map((irq_time, at) => ({ ...irq, mono_ns: (11 + at) * 1e9, dt_ns: 1e9, irq_time }) as Snapshot);
		const [one] = [...all.flatMap((snapshot) => merging.add(snapshot)), ...merging.end()];
		const { irq_time } = one as unknown as { irq_time: readonly ReturnType<typeof entry>[] };
		const figures = irq_time.map(({ comm, pid, count, time_ns, max_ns, mean_ns }) => [
			comm,
			pid,
			count,
			time_ns,
			max_ns,
			mean_ns,
		]);
		expect(figures.sort()).toEqual([
			['cc1', 0, 6, 200, 100, 33],
			['cc1', 24, 4, 14, 8, 4],
			['idle', 0, 6, 120, 90, 20],
		]);
	});

	test('states, settings, shares and errors of a merged interval are no sums', () => {
		const part = (at: number) => {
			const cost = { bpf_ns: 5, bpf_uncertainty: 0.1 * at, bpf_price_age_ns: at * 1e9, rss_bytes: at };
			const state = {
				name: 'C6',
				latency_ns: 10,
				residency_ns: 20,
				share: at / 10,
				entries_per_s: at,
				mean_ns: 30 * at,
			};
			const rest = {
				states: [state],
				packages: [0, 1].map((one) => ({ package: one, cpus: 2, states: [0, at / 10] })),
			};
			const totals = {
				memory_bytes: 100,
				memory_available_bytes: 50 + at,
				swap_bytes: 7,
				swap_used_bytes: at,
				io_bytes: at,
			};
			const classes = [{ name: 'CPU', cpus: 2, busy_ns: at, second_uj: 9, error_share: 0.2, residual_share: null }];
			return {
				...interval(10 + at, [{ ...row(1, 5e9, 9), nice: 5 }]),
				cost,
				rest,
				totals,
				classes,
			} as unknown as Snapshot;
		};
		const merging = new Merging([tracer('energy')]);
		const [one] = [...[1, 2, 3].flatMap((at) => merging.add(part(at))), ...merging.end()];
		expect(one).toMatchObject({
			cost: { bpf_ns: 15, bpf_uncertainty: 0.2, bpf_price_age_ns: 3e9, rss_bytes: 3 },
			rest: {
				// 30 for one, 60 for two, 90 for three of six sleeps
				states: [{ name: 'C6', latency_ns: 10, residency_ns: 20, share: 0.2, entries_per_s: 2, mean_ns: 70 }],
				packages: [
					{ package: 0, cpus: 2, states: [0, 0.2] },
					{ package: 1, cpus: 2, states: [0, 0.2] },
				],
			},
			totals: { memory_bytes: 100, memory_available_bytes: 53, swap_bytes: 7, swap_used_bytes: 3, io_bytes: 6 },
			classes: [{ name: 'CPU', cpus: 2, busy_ns: 6, second_uj: 9, error_share: 0.2, residual_share: null }],
		});
		expect(one?.rows[0]).toMatchObject({ cpu_ns: 27, nice: 5 });
	});

	test('nor are clocks, rates, what is counted since start, and lists of what is now', () => {
		const part = (at: number) => {
			const rest = {
				cpus: [{ cpu: 0, package: 0, states: [at / 10], ghz: at }],
				frequency: { min_ghz: 1, max_ghz: 4, limit_ghz: 3, firmware_ghz: null },
				throttling: { events: at, events_total: 10 * at, throttled_ns: at, cooling: 1, cooling_devices: 2 },
				wakes: { per_s: at, own_per_s: 1, mean_idle_ns: 30 * at, switched_share: 0.5, short_share: 0.1 * at, full: at },
			};
			return {
				...interval(10 + at, []),
				rest,
				bill: { kwh: at, kwh_per_day: 2, price: null, price_per_day: null, co2_g: 10 * at, co2_g_per_day: 20 },
				...{ profile_seconds: at, hz: 49, symbol_bytes: 100 * at, rare: { stacks: at, ns: at } },
				hottest: [{ comm: 'a', pid: 1, ns: at, share: 1 }],
				wakers: [{ pid: 1, comm: 'a', count: at, count_total: 10 * at, ago_ns: at, woken: 7 }],
				links: [{ device: 'eth0', carrier_changes: 5, dropped_driver: at }],
				memory_growth: [{ cgroup: '/a', bytes: at, share: 0.1 }],
				wait_chains: [{ tasks: at, pids: [1], oldest_ns: at }],
			} as unknown as Snapshot;
		};
		const merging = new Merging([tracer('energy')]);
		const [one] = [...[1, 2, 3].flatMap((at) => merging.add(part(at))), ...merging.end()];
		expect(one).toMatchObject({
			rest: {
				cpus: [{ cpu: 0, package: 0, states: [0.2], ghz: 3 }],
				frequency: { min_ghz: 1, max_ghz: 4, limit_ghz: 3, firmware_ghz: null },
				throttling: { events: 6, events_total: 30, throttled_ns: 6, cooling: 1, cooling_devices: 2 },
				// 30 for one period, 60 for two, 90 for three
				wakes: { per_s: 2, own_per_s: 1, mean_idle_ns: 70, switched_share: 0.5, short_share: 0.2, full: 3 },
			},
			bill: { kwh: 3, kwh_per_day: 2, price: null, price_per_day: null, co2_g: 30, co2_g_per_day: 20 },
			...{ profile_seconds: 3, hz: 49, symbol_bytes: 300, rare: { stacks: 3, ns: 3 } },
			hottest: [{ comm: 'a', pid: 1, ns: 3, share: 1 }],
			wakers: [{ pid: 1, comm: 'a', count: 6, count_total: 30, ago_ns: 3, woken: 7 }],
			links: [{ device: 'eth0', carrier_changes: 5, dropped_driver: 6 }],
			memory_growth: [{ cgroup: '/a', bytes: 3, share: 0.1 }],
			wait_chains: [{ tasks: 3, pids: [1], oldest_ns: 3 }],
		});
	});

	test('times by what they were spent on are sums, though a part is called as a CPU or an interrupt is', () => {
		const times = (at: number) => ({ cpu: at, irq: 1, runnable: 2 * at, ...(at > 1 && { lock: 3 }) });
		const merging = new Merging([tracer('overview')]);
		const part = (at: number) => ({
			...interval(10 + at, [{ ...row(1, 5e9, 9), time_ns: times(at) }]),
			tab: 'overview',
		});
		const [one] = [...[1, 2, 3].flatMap((at) => merging.add(part(at) as Snapshot)), ...merging.end()];
		expect(one?.rows[0]).toMatchObject({ time_ns: { cpu: 6, irq: 3, runnable: 12, lock: 6 } });
	});

	test('power and share are the quotients of the merged sums, to the last bit', () => {
		const all = [11, 12, 13].map((at) => interval(at, [row(1, 5e9, at * 1_234_567)]));
		for (const { watts, share, energy_uj } of merged(all)) {
			expect(watts).toBe((energy_uj / 3e9) * 1000);
			expect(share).toBe(energy_uj / 3e6);
		}
	});
});

test('bytes that mean nothing, in segments and indexes: what is whole plays, nothing else happens', async () => {
	await recordTo(tree.root, intervals(4));
	const [name] = segmentsOf(tree.root) as [string];
	const files = [name, name.replace('.wlr', '.idx')].map((file) => [file, readFileSync(tree.path(file))] as const);
	const bytes = readFileSync(tree.path(name));
	const segment = new Segment(bufferSource(bytes));
	const offsets = Array.from({ length: segment.length }, (_, at) => segment.offset(at));
	// as it is while the segment is written
	const plainIndex = Buffer.concat(offsets.map((at) => indexEntry(at, bytes.subarray(at, at + HEAD))));
	const random = generator(5);
	for (let round = 0; round < 200; round++) {
		for (const [file, whole] of files) {
			const changed = Buffer.from(file.endsWith('.idx') && round % 3 === 0 ? plainIndex : whole);
			for (let change = 0; change < round % 4; change++) {
				const at = Math.floor(random() * changed.length);
				// single bytes, and whole numbers at their most
				if (round % 2 === 0) changed[at] = Math.floor(random() * 256);
				else changed.fill(0xff, at, Math.min(changed.length, at + 8));
			}
			writeFileSync(
				tree.path(file),
				changed.subarray(0, round % 5 === 0 ? Math.floor(random() * changed.length) : undefined),
			);
		}
		const result = await read(tree.root).then(
			({ snapshots }) => snapshots,
			(error: unknown) => error,
		);
		if (Array.isArray(result)) expect(result.length).toBeLessThanOrEqual(24);
		else expect(result).toBeInstanceOf(Error);
	}
	expect(readdirSync(tree.root).sort()).toEqual([files[1]?.[0], name].sort());
});

describe('limits', () => {
	test('age, size and room are kept at every roll, the active segment counted', async () => {
		const all = intervals(30);
		const now = Date.parse(all[29]?.[0]?.time ?? '');
		await recordTo(tree.root, all, { segmentMs: 0, now: () => now, limits: { ...limits, age: 10_500 } });
		expect(segmentsOf(tree.root).length).toBeLessThanOrEqual(12);
		const small = makeTree();
		await recordTo(small.root, all, { segmentMs: 0, limits: { ...limits, bytes: 200_000 } });
		const bytes = readdirSync(small.root).reduce((sum, name) => sum + statSync(small.path(name)).size, 0);
		const most = Math.max(...readdirSync(small.root).map((name) => statSync(small.path(name)).size));
		expect(bytes).toBeLessThanOrEqual(200_000 + 2 * most);
		expect(segmentsOf(small.root).length).toBeGreaterThan(2);
	});
});

describe('a slow or failing disk', () => {
	test('more than ten waiting intervals are lost, and later snapshots say so', async () => {
		const folder = new Folder(tree.root);
		const { recorder } = recorderTo(folder);
		const all = intervals(16);
		// nothing is written before the next turn
		for (const snapshots of all.slice(0, 14)) recorder.add(snapshots);
		expect(recorder.status.lost).toBe(4 * 6);
		await recorder.idle();
		recorder.add(all[15] as Snapshot[]);
		await recorder.close();
		folder.close();
		const { snapshots } = await read(tree.root);
		expect(snapshots).toHaveLength(11 * 6);
		expect(snapshots.at(-1)?.lost).toMatchObject({ recording: 24 });
		expect(snapshots[0]?.lost).not.toHaveProperty('recording');
	});
});

describe('a step of the wall clock', () => {
	test('is kept as a note; nothing is lost or out of order', async () => {
		const all = intervals(6).map((snapshots, at) =>
			at < 3
				? snapshots
				: snapshots.map((one) => ({ ...one, time: new Date(Date.parse(one.time) - 3_600_000).toISOString() })),
		);
		await recordTo(tree.root, all);
		const { snapshots, recording } = await read(tree.root);
		expect(snapshots).toEqual(plain(all.flat()));
		expect(recording.archive?.steps).toEqual([{ wall: expect.any(Number), by_ms: -3_600_000 }]);
	});

	test('time that the machine slept is none', async () => {
		const all = intervals(4).map((snapshots, at) =>
			snapshots.map((one) => ({
				...one,
				time: new Date(Date.parse(one.time) + (at < 2 ? 0 : 60_000)).toISOString(),
				...(at === 2 && { gap: { late_ns: 0, suspended_ns: 60e9 } }),
			})),
		);
		await recordTo(tree.root, all as Snapshot[][]);
		expect((await read(tree.root)).recording.archive?.steps).toEqual([]);
	});
});

describe('names that lead elsewhere', () => {
	test('links, folders and other names are no segments; a linked folder is refused to write to', async () => {
		await recordTo(tree.root, intervals(2));
		const [name] = segmentsOf(tree.root) as [string];
		symlinkSync(tree.path(name), tree.path('seg-1-abcdef01-000007.wlr'));
		mkdirSync(tree.path('seg-1-abcdef01-000008.wlr'));
		writeFileSync(tree.path('seg-1-abcdef01-..%2f.wlr'), 'x');
		const { snapshots } = await read(tree.root);
		expect(snapshots).toHaveLength(12);
		const outside = makeTree();
		symlinkSync(outside.root, tree.path('link'));
		expect(() => new Folder(tree.path('link'))).toThrow(/ENOTDIR|ELOOP/);
		const folder = new Folder(tree.root);
		for (const bad of ['..', '.', '', 'a/b', '../x']) expect(() => folder.at(bad)).toThrow('no name');
		symlinkSync(join(outside.root, 'target'), tree.path('planted'));
		await expect(folder.create('planted')).rejects.toThrow('EEXIST');
		expect(() => folder.openRead('planted')).toThrow('ELOOP');
		expect(readdirSync(outside.root)).toEqual([]);
		folder.close();
	});

	test.each<[string, (path: string) => void, RegExp]>([
		['nothing', () => {}, /nothing was recorded/],
		[
			'a file of another program',
			(path) => writeFileSync(join(path, 'seg-1-abcdef01-000001.wlr'), 'x'.repeat(4096)),
			/no recording of wattlag/,
		],
		[
			'a newer format',
			(path) => {
				const bytes = Buffer.alloc(64);
				bytes.write('WATTLAG SEGMENT ');
				bytes.writeUInt32LE(9, 16);
				writeFileSync(join(path, 'seg-1-abcdef01-000001.wlr'), bytes);
			},
			/made by a newer wattlag \(format 9/,
		],
	])('%s is refused in a line', async (_, fill, reason) => {
		fill(tree.root);
		await expect(openAny(tree.root, recordedTabs)).rejects.toThrow(reason);
	});
});

test('a folder that is followed may be empty at first', async () => {
	const path = join(tree.root, 'begun');
	mkdirSync(path, { mode: 0o700 });
	const opened = openRecording(path, recordedTabs, true);
	await recordTo(path, intervals(2));
	const { store, sampler } = await opened;
	expect(store.current('overview')?.rows.length).toBeGreaterThan(0);
	sampler.close();
	const empty = join(tree.root, 'empty');
	mkdirSync(empty, { mode: 0o700 });
	await expect(openRecording(empty, recordedTabs)).rejects.toThrow('nothing was recorded');
});

test('between two marks only their minutes are read', async () => {
	await recordTo(tree.root, intervals(60));
	const recording = await openAny(tree.root, recordedTabs);
	const { archive } = recording as { archive: Archive };
	const walls = archive.of('energy').map(({ wall }) => wall);
	const read = vi.spyOn(archive, 'excerpt');
	const input = { path: 'r', recording, from: walls[20] as number, to: walls[24] as number };
	const { a } = await compareRecordings(input, input);
	expect(a.intervals).toBeLessThanOrEqual(5);
	// twice for its usual interval, twice for its figures
	expect(read.mock.calls.length).toBeLessThanOrEqual(4 * 6 * archive.recorded().length);
	expect(read.mock.calls.length).toBeGreaterThan(0);
	recording.close();
});

test('a comparison reads parts of snapshots, and finds what whole ones have', async () => {
	const all = intervals(90);
	for (const [at, name] of ['a', 'b'].entries()) {
		mkdirSync(tree.path(name), { mode: 0o700 });
		await recordTo(tree.path(name), all.slice(45 * at, 45 * at + 45));
	}
	const [a, b] = [await openAny(tree.path('a'), recordedTabs), await openAny(tree.path('b'), recordedTabs)];
	const whole = (recording: AnyRecording): AnyRecording => ({
		...recording,
		archive: undefined,
		snapshots: (part) => recording.snapshots(part),
	});
	const compare = (one: AnyRecording, other: AnyRecording) =>
		compareRecordings({ path: 'a', recording: one }, { path: 'b', recording: other });
	const parts = await compare(a, b);
	expect(new Set(parts.rows.map(({ kind }) => kind))).toEqual(new Set(['machine', 'process', 'device', 'interrupt']));
	expect(parts).toEqual(await compare(whole(a), whole(b)));
	a.close();
	b.close();
});

describe('by intervals of ten seconds', () => {
	const cpuOf = (archive: Archive, places: readonly Place[]) =>
		places
			.flatMap((place) => archive.snapshot(place).rows as readonly { cpu_ns: number }[])
			.reduce((sum, { cpu_ns }) => sum + cpu_ns, 0);

	test('a recording has the same sums in a tenth of the frames', async () => {
		await recordTo(tree.root, intervals(45), { merged: true });
		const { archive } = new FolderArchive(tree.root, recordedTabs);
		expect(archive.of('energy')).toHaveLength(45);
		const coarse = archive.coarse('energy');
		expect(coarse).toHaveLength(5);
		expect(cpuOf(archive, coarse)).toBe(cpuOf(archive, archive.of('energy')));
		// what was recorded last is merged in no interval yet
		await recordTo(tree.root, intervals(52).slice(45));
		const longer = new FolderArchive(tree.root, recordedTabs).archive;
		expect(longer.coarse('energy')).toHaveLength(5 + 7);
		expect(cpuOf(longer, longer.coarse('energy'))).toBe(cpuOf(longer, longer.of('energy')));
	});

	test('a part that is in no such interval is not left out', async () => {
		const all = intervals(130);
		await recordTo(tree.root, all.slice(0, 20), { merged: true });
		await recordTo(tree.root, all.slice(20, 100));
		await recordTo(tree.root, all.slice(100), { merged: true });
		const { archive } = new FolderArchive(tree.root, recordedTabs);
		expect(archive.coarse('energy')).toEqual(archive.of('energy'));
		expect(archive.of('energy')).toHaveLength(130);
	});
});

test('the nearest moment is found without a walk, also where the clock was set back', () => {
	const random = generator(7);
	const places: Place[] = [];
	const walk = (wall: number) =>
		places.reduce((best, place) => (Math.abs(place.wall - wall) < Math.abs(best.wall - wall) ? place : best));
	let now = 1000;
	for (let at = 0; at < 400; at++) {
		// NTP, a time zone that was meant, a battery that was empty
		now += random() < 0.03 ? -Math.round(random() * 300_000) : 900 + Math.round(random() * 200);
		places.push({ wall: now } as Place);
		// the list grows between searches
		const wanted = 1000 + Math.round(random() * 400_000);
		expect(nearest(places, wanted)).toBe(walk(wanted));
	}
	expect(nearest([], 5)).toBeUndefined();
});
