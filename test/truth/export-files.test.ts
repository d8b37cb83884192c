/** Files of `wattlag export`, read by programs that are not ours: protoc, promtool, Python's csv module. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { chromeTrace } from '../../src/export/chrome-trace.ts';
import { csvLine } from '../../src/export/csv.ts';
import { openMetricsFile } from '../../src/export/openmetrics-file.ts';
import { perfettoTrace } from '../../src/export/perfetto-trace.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let all: Snapshot[] = [];
beforeAll(() => {
	const overview = overviewFixture();
	all = Array.from({ length: 40 }, (_, at) => {
		const sources = [energySnapshot(at), runqlatSnapshot(at), irqSnapshot(at), ioSnapshot(at)] as unknown as Snapshot[];
		return [...sources, overview(at, sources) as unknown as Snapshot];
	}).flat();
});

async function* walk(): AsyncGenerator<Snapshot> {
	yield* all;
}

/** The slow requests of the recording: what each trace must have, no more and no fewer. */
const slow = () =>
	all.filter(({ tab }) => tab === 'io').flatMap((one) => (one as unknown as ReturnType<typeof ioSnapshot>).slow);

async function whole<Part extends string | Uint8Array>(parts: AsyncIterable<Part>): Promise<Part[]> {
	const list: Part[] = [];
	for await (const part of parts) list.push(part);
	return list;
}

test('chrome: every slow request is a slice as long as its stages, which lie in it; none overlap on a track', async () => {
	const text = (await whole(chromeTrace({ snapshots: walk(), marks: [], about: {} }))).join('');
	const { traceEvents } = JSON.parse(text) as {
		traceEvents: {
			ph: string;
			name: string;
			pid: number;
			tid: number;
			ts: number;
			dur: number;
			args: Record<string, unknown>;
		}[];
	};
	const requests = traceEvents.filter(({ ph, args }) => ph === 'X' && args['sector'] !== undefined);
	expect(slow().length).toBeGreaterThan(5);
	expect(requests.length).toBe(slow().length);
	const ns = (sum: number, one: number) => sum + one;
	expect(requests.map(({ dur }) => dur).reduce(ns, 0)).toBeCloseTo(
		slow().map(({ stages }) => (stages['total'] ?? 0) / 1e3).reduce(ns, 0), // biome-ignore format: one sum
		3,
	);
	for (const track of new Set(requests.map(({ pid, tid }) => `${pid} ${tid}`))) {
		const on = requests.filter(({ pid, tid }) => `${pid} ${tid}` === track).sort((a, b) => a.ts - b.ts);
		for (const [index, { ts }] of on.entries()) {
			const before = on[index - 1];
			if (before) expect(ts).toBeGreaterThanOrEqual(before.ts + before.dur - 1e-3);
		}
	}
	expect(traceEvents.some(({ ph }) => ph === 'C')).toBe(true);
});

test('perfetto: protoc reads it; slices begin as often as they end, and names are those of the requests', async () => {
	const bytes = Buffer.concat(
		await whole(
			perfettoTrace({ snapshots: walk(), marks: [{ wall: Date.parse((all[9] as Snapshot).time), text: 'now' }] }),
		),
	);
	// the part of Perfetto's schema that is written, by its published numbers
	const schema = join(folder, 'trace.proto');
	writeFileSync(
		schema,
		`syntax = "proto2";
message Annotation { optional double double_value = 5; optional string string_value = 6; optional string name = 10; }
message TrackEvent { repeated Annotation debug_annotations = 4; optional int32 type = 9; optional uint64 track_uuid = 11; optional string name = 23; optional double double_counter_value = 44; }
message Counter { optional string unit_name = 6; }
message TrackDescriptor { optional uint64 uuid = 1; optional string name = 2; optional uint64 parent_uuid = 5; optional Counter counter = 8; }
message Packet { optional uint64 timestamp = 8; optional uint32 trusted_packet_sequence_id = 10; optional TrackEvent track_event = 11; optional uint32 sequence_flags = 13; optional uint32 timestamp_clock_id = 58; optional TrackDescriptor track_descriptor = 60; }
message Trace { repeated Packet packet = 1; }`,
	);
	const { stdout, stderr, status } = spawnSync('protoc', [`--proto_path=${folder}`, '--decode=Trace', schema], {
		input: bytes,
		encoding: 'utf8',
		maxBuffer: 2 ** 28,
	});
	expect([stderr, status]).toEqual(['', 0]);
	// nothing is left that the schema does not know
	expect(stdout).not.toMatch(/^\s*\d+[: ]/m);
	const count = (pattern: RegExp) => stdout.match(pattern)?.length ?? 0;
	expect(count(/^ {4}type: 1$/gm)).toBe(count(/^ {4}type: 2$/gm));
	expect(count(/name: "sector"/g)).toBe(slow().length);
	expect(count(/^ {4}name: "now"$/gm)).toBe(1);
	expect(count(/double_counter_value/g)).toBeGreaterThan(100);
});

test('openmetrics: promtool makes blocks of it; no series is out of order', async () => {
	const path = join(folder, 'om.txt');
	writeFileSync(
		path,
		(await whole(openMetricsFile(walk(), { version: '1', host: 'h', kernel: 'k', series: 5000 }))).join(''),
	);
	const { stderr, status } = spawnSync(
		'promtool',
		['tsdb', 'create-blocks-from', 'openmetrics', path, join(folder, 'tsdb')],
		{ encoding: 'utf8' },
	);
	expect([stderr, status]).toEqual(['', 0]);
});

test('csv: another reader finds the cells as they were; a formula is none', () => {
	const cells = ['a,b', 'say "x"', 'two\nlines', 'ß', '', 'plain'];
	const program = 'import csv, sys, json; print(json.dumps(list(csv.reader(sys.stdin))))';
	const input = csvLine(cells) + csvLine([1.5, Number.NaN, -2, 0, 7, 8]);
	const { stdout } = spawnSync('/usr/bin/python3', ['-c', program], { input, encoding: 'utf8' });
	expect(JSON.parse(stdout)).toEqual([cells, ['1.5', '', '-2', '0', '7', '8']]);
	expect(csvLine(['=cmd()', '@x', '+1'])).toBe("'=cmd(),'@x,'+1\r\n");
});
