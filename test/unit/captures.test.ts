import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Store } from '../../src/history/store.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { openBundle, packBundle } from '../../src/recording/bundle.ts';
import { captureBytes, listCaptures, writeCapture } from '../../src/recording/capture.ts';
import { CapturePolicy } from '../../src/recording/capture-policy.ts';
import { openRecording } from '../../src/recording/open.ts';
import { openAny } from '../../src/recording/recordings.ts';
import { Redaction } from '../../src/recording/redaction.ts';
import { segmentOf } from '../../src/recording/segment-bytes.ts';
import { readTar, writeTar } from '../../src/recording/tar.ts';
import { generator } from '../lib/random.ts';
import { treePerTest } from '../lib/tree.ts';
import { BOOT, intervals, plain, recordedTabs } from './record-fixtures.ts';

const tree = treePerTest();
const facts = {
	host: safe`host`,
	kernel: safe`6.1`,
	cpus: 8,
	boot: sanitize(BOOT),
	version: safe`0`,
	step: 1,
};
const about = {
	version: '0',
	host: 'host',
	kernel: '6.1',
	written: '2026-01-02T03:04:05.678Z',
	from: '2026-01-02T03:00:00.000Z',
	to: '2026-01-02T03:04:05.000Z',
	cause: 'finding cpus: 99% busy',
	redacted: false,
};
const tabs = recordedTabs.map(({ id }) => id);

async function bundleOf(snapshots: readonly Snapshot[]): Promise<Buffer> {
	const segment = await segmentOf(facts, tabs, snapshots);
	const log = { name: 'kmsg.txt', bytes: Buffer.from('6,1,2,-;hello\n') };
	return packBundle(about, [{ name: 'segments/seg-1-abcdef01-000001.wlr', bytes: segment }, log]).bytes;
}

describe('a bundle', () => {
	test('replays the whole capture', async () => {
		const all = intervals(5);
		writeFileSync(tree.path('b.wlb'), await bundleOf(all.flat()));
		const recording = await openAny(tree.path('b.wlb'), recordedTabs);
		const snapshots: Snapshot[] = [];
		for await (const snapshot of recording.snapshots()) snapshots.push(snapshot);
		expect(snapshots).toEqual(plain(all.flat()));
		const { store, message } = await openRecording(tree.path('b.wlb'), recordedTabs);
		expect(message).toBeUndefined();
		expect(store.hasAxis).toBe(true);
		store.travel('energy', -2);
		expect([store.behind('energy'), store.reach('energy')]).toEqual([2e9, 4e9]);
		expect(store.current('runqlat')).toEqual(plain(all[2]?.[1]));
	});

	test('is written for its owner alone, listed, and counted in bytes', async () => {
		const files = [{ name: 'kmsg.txt', bytes: Buffer.from('x') }];
		const { path, bytes } = await writeCapture(tree.path('captures'), about, files);
		expect(path).toBe(tree.path('captures/capture-20260102T030405Z-finding-cpus-99-busy.wlb'));
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(captureBytes(tree.path('captures'))).toBe(bytes);
		symlinkSync('/etc/passwd', tree.path('captures/capture-20260102T030406Z-x.wlb'));
		writeFileSync(tree.path('captures/capture-20260102T030407Z-y.wlb'), 'no bundle');
		const listed = listCaptures(tree.path('captures'));
		expect(listed.map(({ name, problem }) => [name, problem])).toEqual([
			['capture-20260102T030407Z-y.wlb', 'no recording of wattlag'],
			['capture-20260102T030405Z-finding-cpus-99-busy.wlb', undefined],
		]);
		expect(listed[1]?.manifest).toMatchObject({ cause: 'finding cpus: 99% busy', files: { 'kmsg.txt': { bytes: 1 } } });
	});

	test('a file that is not what the manifest says is reported; the rest plays', async () => {
		const segment = await segmentOf(facts, tabs, intervals(2).flat());
		const good = { name: 'segments/seg-1-abcdef01-000001.wlr', bytes: segment };
		const { manifest } = packBundle(about, [good]);
		manifest.files['kmsg.txt'] = { bytes: 1, sha256: 'other' };
		const text = Buffer.from(JSON.stringify(manifest));
		const stray = { name: '../../etc/cron.d/x', bytes: Buffer.from('x') };
		const tar = writeTar(
			[{ name: 'manifest.json', bytes: text }, good, { name: 'kmsg.txt', bytes: Buffer.from('a') }, stray],
			1,
		);
		const { damage, files } = openBundle(zstdCompressSync(tar));
		expect(damage).toEqual(['kmsg.txt is not what the manifest says']);
		expect(files.map(({ name }) => name)).not.toContain(stray.name);
		writeFileSync(tree.path('b.wlb'), zstdCompressSync(tar));
		const { message, store } = await openRecording(tree.path('b.wlb'), recordedTabs);
		expect(message).toMatch(/kmsg.txt is not what the manifest says/);
		expect(store.current('energy')).toBeDefined();
	});

	test('bytes that mean nothing end in an error, and nothing is written', async () => {
		const bytes = await bundleOf(intervals(2).flat());
		const random = generator(11);
		for (let round = 0; round < 150; round++) {
			const changed = Buffer.from(
				bytes.subarray(0, round % 3 === 0 ? Math.floor(random() * bytes.length) : bytes.length),
			);
			for (let change = 0; change < 3 && changed.length > 0; change++)
				changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
			writeFileSync(tree.path('b.wlb'), changed);
			await openAny(tree.path('b.wlb'), recordedTabs).then(
				(recording) => recording.close(),
				(error: unknown) => expect(error).toBeInstanceOf(Error),
			);
		}
		expect(readdirSync(tree.root)).toEqual(['b.wlb']);
	});

	test('tar: links, folders and devices are skipped, lengths are checked', () => {
		const tar = writeTar([{ name: 'a', bytes: Buffer.from('abc') }], 1);
		const typed = (type: string, size = '00000000003') => {
			const bytes = Buffer.from(tar);
			bytes.write(type, 156);
			bytes.write(size, 124);
			bytes.write('        ', 148);
			const sum = bytes.subarray(0, 512).reduce((all, byte) => all + byte, 0);
			bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
			return bytes;
		};
		expect([...readTar(typed('0'), 9)]).toHaveLength(1);
		for (const type of ['1', '2', '3', '5', 'x', 'L']) expect([...readTar(typed(type), 9)]).toEqual([]);
		expect(() => [...readTar(typed('0', '77777777777'), 9)]).toThrow('cut off');
		expect(() => [...readTar(Buffer.alloc(1024, 1), 9)]).toThrow('damaged');
		expect(() => [
			...readTar(
				writeTar(
					[
						{ name: 'a', bytes: Buffer.alloc(0) },
						{ name: 'b', bytes: Buffer.alloc(0) },
					],
					1,
				),
				1,
			),
		]).toThrow('more than 1');
	});
});

describe('how often', () => {
	const minutes = (count: number) => count * 60_000;

	test('a cause waits ten minutes, then twice as long each time, at most three hours; quiet halves it', () => {
		const policy = new CapturePolicy();
		const refused = (at: number) => policy.refuse('a', minutes(at), 0) !== undefined;
		expect(refused(0)).toBe(false);
		policy.done('a', minutes(0));
		expect([1, 9.9, 10].map(refused)).toEqual([true, true, false]);
		policy.done('a', minutes(10));
		expect([11, 29.9, 30].map(refused)).toEqual([true, true, false]);
		policy.done('a', minutes(30));
		expect([69.9, 70].map(refused)).toEqual([true, false]);
		// another cause does not wait
		expect(policy.refuse('b', minutes(31), 0)).toBeUndefined();
		expect(policy.captured).toBe(3);
		expect(policy.suppressed).toBe(5);
		for (let at = 70; at < 3000; at += 200) if (!refused(at)) policy.done('a', minutes(at));
		expect(policy.refuse('a', minutes(100_000), 0)).toBeUndefined();
	});

	test('limits of a day and of bytes hold for those that the user asks for too', () => {
		const policy = new CapturePolicy();
		for (let count = 0; count < 24; count++) policy.done(`cause ${count}`, minutes(count));
		expect(policy.refuse('x', minutes(30), 0, true)).toBe('24 captures in a day');
		expect(policy.refuse('x', minutes(24 * 60 + 30), 0, true)).toBeUndefined();
		expect(new CapturePolicy().refuse('x', 0, 2 ** 30, true)).toMatch(/1024 MiB/);
		policy.done('x', minutes(3000));
		expect(policy.refuse('x', minutes(3001), 0, true)).toBeUndefined();
	});
});

describe('redaction', () => {
	const [snapshots] = [intervals(2).flat()];

	test('names are gone everywhere, and one name is one word', () => {
		const redaction = new Redaction();
		const texts = snapshots.map((snapshot) => JSON.stringify(redaction.snapshot(snapshot)));
		const all = texts.join('\n');
		for (const name of ['postgres', 'nginx', 'prometheus', '日本語の名前', 'postgresql.service', 'stress-ng-cpu'])
			expect(all).not.toContain(name);
		const words = new Set(Array.from(all.matchAll(/"comm":"(proc-[0-9a-f]{8})"/g), ([, word]) => word));
		const names = new Set(Array.from(JSON.stringify(snapshots).matchAll(/"comm":"([^"]*)"/g), ([, name]) => name));
		// what is on every machine stays
		for (const common of ['', 'all', 'root']) names.delete(common);
		expect(words.size).toBe(names.size);
		// figures stay
		expect(JSON.parse(texts[0] as string).rows[0].cpu_ns).toBe(
			(plain(snapshots[0]) as Snapshot<{ cpu_ns: number }>).rows[0]?.cpu_ns,
		);
	});

	test('sentences lose names, paths and addresses; control groups keep their shape', () => {
		const redaction = new Redaction();
		redaction.word('proc', 'secretd');
		const text = redaction.text(
			'most CPU by secretd ×4 at 10.1.2.3 and fe80::1, file /home/alice/notes.txt since 07:50:49',
		);
		expect(text).not.toMatch(/secretd|10\.1\.2\.3|fe80|alice|notes/);
		expect(text).toMatch(
			/^most CPU by proc-[0-9a-f]{8} ×4 at addr-[0-9a-f]{8} and addr-[0-9a-f]{8}, file \/.* since 07:50:49$/,
		);
		const snapshot = { ...(snapshots[0] as Snapshot), rows: [{ comm: 'a', cgroup: '/system.slice/foo.service' }] };
		expect((redaction.snapshot(snapshot).rows[0] as { cgroup: string }).cgroup).toMatch(
			/^\/system\.slice\/group-[0-9a-f]{8}$/,
		);
	});

	test('a control group or a name is gone wherever a snapshot has it: limits, witnesses, missing rights, threads', () => {
		const given = {
			...(snapshots[0] as Snapshot),
			source: { kind: 'x', missing: ['groups of cgroup v1 only (memory:/acme/billing) have it from /proc/PID/cgroup'] },
			events: [{ victim_comm: 'secretd', victim_cgroup: '/acme/billing', limit_cgroup: '/acme', trigger_cgroup: '' }],
			findings: [{ rule: 'waits', witnesses: ['secretd waits for /acme/billing'], owner: { comm: 'secretd' } }],
			rows: [{ comm: 'secretd', thread: 'secret-io', target: 'server 10.1.2.3', stack: ['main (/opt/acme/secretd)'] }],
		} as unknown as Snapshot;
		const made = new Redaction().snapshot(given) as unknown as Record<string, Record<string, string>[]> & {
			source: { missing: string[] };
		};
		expect(JSON.stringify(made)).not.toMatch(/secret|acme|billing|10\.1\.2\.3/);
		const [event] = made['events'] as [Record<string, string>];
		expect(event['victim_cgroup']?.startsWith(`${event['limit_cgroup']}/`)).toBe(true);
		expect(event['victim_comm']).toBe(made['rows']?.[0]?.['comm']);
		expect(made.source.missing[0]).toContain(' have it from /proc/PID/cgroup');
	});

	test('a line of the kernel’s log is one word; a name that comes later is gone from earlier sentences', () => {
		const event = { kind: 'hardware', origin: 'kernel-log', text: 'server filer01 of alice is gone' };
		const late = { ...(snapshots[0] as Snapshot), rows: [{ comm: 'secretd' }] } as Snapshot;
		const early = {
			...(snapshots[0] as Snapshot),
			events: [event],
			rows: [{ text: 'stopped by secretd' }],
		} as Snapshot;
		const redaction = new Redaction();
		redaction.learn(late);
		const made = JSON.stringify(redaction.snapshot(early));
		expect(made).not.toMatch(/filer01|alice|secretd/);
		expect(made).toMatch(/"text":"log-[0-9a-f]{8}"/);
	});

	test('names in sentences are replaced beside thousands of lines of the kernel’s log, which are longer', () => {
		const line = (index: number) => `audit: operation="open" of file number ${index} is denied by the profile`;
		const events = Array.from({ length: 6000 }, (_, index) => ({ origin: 'kernel-log', text: line(index) }));
		const rows = [{ comm: 'secretd' }, { text: `stopped by secretd, which has “${line(5999)}”, ${line(5998)}` }];
		const made = JSON.stringify(new Redaction().snapshot({ ...(snapshots[0] as Snapshot), events, rows } as Snapshot));
		expect(made).not.toMatch(/secretd|audit|denied/);
	});

	test('another recording has other words', () => {
		expect(new Redaction().word('proc', 'postgres')).not.toBe(new Redaction().word('proc', 'postgres'));
	});
});

test('the screen’s minutes as a bundle', async () => {
	const { captureStore } = await import('../../src/recording/capture-store.ts');
	const before = process.env['XDG_STATE_HOME'];
	process.env['XDG_STATE_HOME'] = tree.root;
	try {
		const store = new Store();
		const given: Snapshot[] = [];
		const triage = {
			add: (snapshot: Snapshot) => void given.push(snapshot),
			text: (host: string) => [`${host}: ${given.filter(({ tab }) => tab === 'overview').length} intervals`, 'more'],
		};
		const all = intervals(3);
		for (const snapshot of all.flat()) store.apply({ kind: 'snapshot', snapshot });
		const path = await captureStore(store, { host: safe`h`, kernel: safe`k`, cpus: 2 }, tabs, triage);
		expect(path).toMatch(/wattlag\/captures\/capture-.*-key\.wlb$/);
		chmodSync(path, 0o600);
		const bundle = openBundle(readFileSync(path));
		expect(bundle.manifest.cause).toBe('key');
		// what was wrong is the first thing to read
		expect(bundle.files[0]).toMatchObject({ name: 'triage.txt' });
		expect(bundle.files[0]?.bytes.toString()).toBe('h: 3 intervals\nmore\n');
		const recording = await openAny(path, recordedTabs);
		const seen: Snapshot[] = [];
		for await (const snapshot of recording.snapshots()) seen.push(snapshot);
		expect(seen).toHaveLength(18);
		await expect(captureStore(new Store(), { host: safe`h`, kernel: safe`k`, cpus: 2 }, tabs, triage)).rejects.toThrow(
			'nothing to write',
		);
	} finally {
		if (before === undefined) delete process.env['XDG_STATE_HOME'];
		else process.env['XDG_STATE_HOME'] = before;
	}
});
