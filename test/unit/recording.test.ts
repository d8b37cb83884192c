import {
	chmodSync,
	chownSync,
	lchownSync,
	lstatSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Store } from '../../src/history/store.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { openRecording } from '../../src/recording/open.ts';
import { readRecording } from '../../src/recording/read.ts';
import { recordingFolder, writeRecording } from '../../src/recording/write.ts';
import { treePerFile } from '../lib/tree.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';
import { fixtureTabs } from '../ui/fixtures/tabs.ts';

const tabs = fixtureTabs.map(({ tracer }) => tracer) as never;
const tree = treePerFile();
let path = '';
let count = 0;

const about = (second: number) => ({
	host: sanitize('some/../host'),
	kernel: sanitize('6.1.0'),
	cpus: 8,
	written: sanitize(`2026-01-02T03:04:${String(second).padStart(2, '0')}.678Z`),
});

function filledStore(): Store {
	const store = new Store();
	for (let tick = 0; tick < 8; tick++)
		for (const snapshot of [energySnapshot(tick), runqlatSnapshot(tick), irqSnapshot(tick)] as Snapshot[])
			store.apply({ kind: 'snapshot', snapshot });
	return store;
}

async function read(file: string) {
	const snapshots: Snapshot[] = [];
	const recording = await readRecording(file, tabs, (snapshot) => snapshots.push(snapshot));
	return { ...recording, snapshots };
}

/** A recording of these lines. */
function fileOf(name: string, lines: readonly unknown[]): string {
	const file = tree.path(name);
	writeFileSync(
		file,
		gzipSync(lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')),
	);
	return file;
}

const head = { recording: 1, host: 'h', kernel: 'k', cpus: 2, written: '2026-01-02T03:04:05Z' };

beforeAll(async () => {
	path = await writeRecording(tree.path('state/wattlag'), about(5), filledStore().recorded());
	count = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n').length - 1;
});

describe('writing', () => {
	test('all that is kept, whole, for its owner alone, under a plain name', async () => {
		expect(path).toBe(tree.path('state/wattlag/wattlag-some_.._host-20260102T030405Z.jsonl.gz'));
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(statSync(tree.path('state/wattlag')).mode & 0o777).toBe(0o700);
		const { snapshots, damage, about: found } = await read(path);
		expect(damage).toBeUndefined();
		expect(found).toMatchObject({ host: 'some/../host', kernel: '6.1.0', cpus: 8 });
		expect(snapshots).toHaveLength(24);
		expect(snapshots.filter(({ tab }) => tab === 'runqlat')).toEqual(
			Array.from({ length: 8 }, (_, tick) => JSON.parse(JSON.stringify(runqlatSnapshot(tick)))),
		);
		const times = snapshots.map(({ mono_ns }) => mono_ns);
		expect(times).toEqual([...times].sort((a, b) => a - b));
	});

	test('what is there already stays; links are not followed', async () => {
		const before = readFileSync(path);
		await expect(writeRecording(tree.path('state/wattlag'), about(5), [])).rejects.toThrow('EEXIST');
		expect(readFileSync(path)).toEqual(before);
		const link = tree.path('state/wattlag/wattlag-some_.._host-20260102T030406Z.jsonl.gz');
		symlinkSync(tree.path('elsewhere'), link);
		await expect(writeRecording(tree.path('state/wattlag'), about(6), [])).rejects.toThrow('EEXIST');
		expect(lstatSync(link).isSymbolicLink()).toBe(true);
		expect(readdirSync(tree.root)).not.toContain('elsewhere');
	});

	test('a failure leaves nothing behind', async () => {
		function* failing(): Generator<Snapshot> {
			yield energySnapshot(0) as Snapshot;
			throw new Error('on purpose');
		}
		await expect(writeRecording(tree.path('failing'), about(7), failing())).rejects.toThrow('on purpose');
		expect(readdirSync(tree.path('failing'))).toEqual([]);
	});

	test('a file system that makes no folders, and a file in the place of the folder', async () => {
		await expect(writeRecording('/proc/wattlag/deep', about(8), [])).rejects.toThrow(
			'/proc/wattlag: no such file or directory',
		);
		await expect(writeRecording(path, about(8), [])).rejects.toThrow('is not a folder');
	});

	// under sudo with HOME kept, the home is a user's
	test.runIf(process.geteuid?.() === 0)(
		'nothing is written into the folder of another user, nor through a link of theirs',
		async () => {
			tree.folder('theirs/.local');
			chownSync(tree.path('theirs'), 12345, 12345);
			chownSync(tree.path('theirs/.local'), 12345, 12345);
			const foreign = /belongs to another user \(uid 12345\): set XDG_STATE_HOME/;
			await expect(writeRecording(tree.path('theirs/.local/state/wattlag'), about(9), [])).rejects.toThrow(foreign);
			expect(readdirSync(tree.path('theirs/.local'))).toEqual([]);
			tree.folder('roots');
			tree.link('theirs/state', tree.path('roots'));
			lchownSync(tree.path('theirs/state'), 12345, 12345);
			await expect(writeRecording(tree.path('theirs/state/wattlag'), about(9), [])).rejects.toThrow(foreign);
			tree.link('linked', tree.path('roots'));
			await expect(writeRecording(tree.path('linked'), about(9), [])).rejects.toThrow('is a symbolic link');
			expect(readdirSync(tree.path('roots'))).toEqual([]);
		},
	);

	test.runIf(process.geteuid?.() === 0).each([
		['that all may write', '', 0o777, 0, 'others'],
		['that all may write to, though not rename', '', 0o1777, 0, 'others'],
		['that a group may write', '', 0o770, 54321, 'group 54321'],
		['below one that all may write', 'above', 0o777, 0, 'others'],
		['below one that a group may write', 'above', 0o775, 54321, 'group 54321'],
	])('nothing is written into a folder %s', async (_, above, mode, group, by) => {
		const folder = `${above}${mode.toString(8)}-${group}/roots`;
		tree.folder(folder);
		const changed = tree.path(above === '' ? folder : dirname(folder));
		chownSync(changed, 0, group);
		chmodSync(changed, mode);
		const refused = new RegExp(`${changed} may be written by ${by} \\(mode [0-7]{4}\\): set XDG_STATE_HOME`);
		await expect(writeRecording(tree.path(folder), about(10), [])).rejects.toThrow(refused);
		expect(readdirSync(tree.path(folder))).toEqual([]);
		chownSync(changed, 0, 0);
		chmodSync(changed, 0o755);
		await writeRecording(tree.path(folder), about(10), []);
	});

	test.runIf(process.geteuid?.() === 0)('root’s own links lead to folders that are root’s alone', async () => {
		tree.folder('theirs/roots');
		chownSync(tree.path('theirs'), 12345, 12345);
		tree.link('way', tree.path('theirs/roots'));
		const foreign = `${tree.path('theirs')} belongs to another user (uid 12345)`;
		await expect(writeRecording(tree.path('way/state'), about(11), [])).rejects.toThrow(foreign);
		chownSync(tree.path('theirs'), 0, 0);
		await writeRecording(tree.path('way/state'), about(11), []);
		expect(readdirSync(tree.path('theirs/roots'))).toEqual(['state']);
	});

	test('where to: the XDG state folder; a relative one means nothing', () => {
		expect(recordingFolder({ XDG_STATE_HOME: '/x' })).toBe('/x/wattlag');
		expect(recordingFolder({ XDG_STATE_HOME: 'x' })).toMatch(/^\/.*\.local\/state\/wattlag$/);
	});
});

describe('reading what anybody may have written', () => {
	test('cut off anywhere: the good beginning plays', async () => {
		const whole = readFileSync(path);
		for (const share of [0.3, 0.6, 0.95]) {
			const file = tree.path(`cut-${share}`);
			writeFileSync(file, whole.subarray(0, Math.floor(whole.length * share)));
			const { snapshots, damage } = await read(file);
			expect(damage).toMatch(/after \d+ snapshots/);
			expect(snapshots.length).toBeLessThan(count);
			expect(snapshots.length).toBeGreaterThan(0);
		}
	});

	test('bytes that changed', async () => {
		const bytes = Buffer.from(readFileSync(path));
		bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 50);
		const file = tree.path('changed');
		writeFileSync(file, bytes);
		expect((await read(file)).damage).toBeDefined();
	});

	test.each<[string, unknown, RegExp]>([
		['no snapshot', '[]', /not a snapshot/],
		['no JSON', '{', /JSON/],
		['an unknown tab', { tab: '../../etc/passwd\x1b]0;x\x07' }, /unknown tab '\.\.\/\.\.\/etc\/passwd\^\[\]0;x\^G'/],
		['a row that is none', { ...energySnapshot(0), rows: [null] }, /no rows/],
		['a row that no column can show', { ...runqlatSnapshot(0), rows: [{}] }, /undefined/],
		['no losses', { ...energySnapshot(0), lost: { ring: 'x' } }, /no losses/],
		['no time', { ...energySnapshot(0), time: 'yesterday' }, /no time/],
		['deep nesting', { ...energySnapshot(0), marked: JSON.parse('['.repeat(50) + ']'.repeat(50)) }, /too deep/],
	])('%s ends it', async (_, line, reason) => {
		const { snapshots, damage } = await read(fileOf('strange', [head, ioSnapshot(0), line, ioSnapshot(1)]));
		expect(snapshots).toHaveLength(1);
		expect(damage).toMatch(reason);
	});

	test('text is made inert, and names of fields cannot change what objects are', async () => {
		const line = JSON.stringify({ ...energySnapshot(0), marked: ['\x1b[2J'] }).replace(
			'{',
			'{"__proto__":{"polluted":1},',
		);
		const { snapshots, damage } = await read(fileOf('inert', [{ ...head, host: 'a\x1bb' }, line]));
		expect(damage).toBeUndefined();
		expect((snapshots[0] as Snapshot & { marked: string[] }).marked).toEqual(['^[[2J']);
		expect(({} as { polluted?: number }).polluted).toBeUndefined();
		expect((snapshots[0] as Snapshot & { polluted?: number }).polluted).toBeUndefined();
	});

	test('a small file that unpacks without end is given up', async () => {
		const { snapshots, damage } = await read(fileOf('bomb', [head, ioSnapshot(0), 'x'.repeat(70 * 2 ** 20)]));
		expect(snapshots).toHaveLength(1);
		expect(damage).toMatch(/line without end/);
	});

	test.each<[string, () => string, RegExp]>([
		['missing', () => tree.path('nowhere'), /no such file or directory/],
		['not gzip', () => '/etc/passwd', /no recording/],
		['of something else', () => fileOf('else', [{ hello: 1 }]), /no recording/],
		['newer', () => fileOf('newer', [{ ...head, recording: 2 }]), /newer wattlag/],
		['empty', () => fileOf('empty', []), /empty|JSON/],
		['without snapshots', () => fileOf('bare', [head]), /nothing was recorded/],
	])('%s is refused in a line', async (_, file, reason) => {
		await expect(openRecording(file(), tabs)).rejects.toThrow(reason);
	});
});

describe('on the screen', () => {
	test('the end is shown and stays the past; tabs without figures say so', async () => {
		const { store, host, message } = await openRecording(path, tabs);
		expect(host.host).toBe('some/../host (recording)');
		expect(message).toBeUndefined();
		expect(store.paused).toBe(true);
		expect(store.current('energy')?.time).toBe(energySnapshot(7).time);
		store.travel('energy', -3);
		expect(store.current('runqlat')).toEqual(JSON.parse(JSON.stringify(runqlatSnapshot(4))));
		store.setPaused(false);
		expect(store.paused).toBe(true);
		expect(store.current('energy')?.time).toBe(energySnapshot(7).time);
		expect(store.status('io')).toMatchObject({ kind: 'unavailable', reason: 'not in this recording' });
	});

	test('a damaged one says so', async () => {
		const { message } = await openRecording(fileOf('torn', [head, ioSnapshot(0), '{']), tabs);
		expect(message).toMatch(/damaged.*after 1 snapshots/);
	});
});
