import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FrameWriter } from '../../src/term/frame-writer.ts';
import type { Output } from '../../src/term/output.ts';
import { markerText } from '../../src/term/slots.ts';

/** A terminal that takes `room` bytes, then nothing. */
class Fake implements Output {
	text = '';
	room = Number.POSITIVE_INFINITY;
	failure: Error | null = null;

	write(bytes: Uint8Array): number {
		if (this.failure) throw this.failure;
		const accepted = Math.min(bytes.length, this.room);
		this.room -= accepted;
		this.text += Buffer.from(bytes.subarray(0, accepted)).toString('latin1');
		return accepted;
	}

	close(): void {}
}

let output: Fake;
let gone: unknown[];
let writer: FrameWriter;
const frames = () => output.text.split('\x1b[?2026h').length - 1;

beforeEach(() => {
	vi.useFakeTimers();
	output = new Fake();
	gone = [];
	writer = new FrameWriter({
		output,
		size: { columns: 40, rows: 5 },
		ascii: false,
		onGone: (error) => gone.push(error),
	});
});

afterEach(() => {
	vi.useRealTimers();
});

describe('frame writer', () => {
	test('says nothing before it is started, and the first frame is whole', () => {
		writer.stdout.write('hello');
		vi.advanceTimersByTime(200);
		expect(output.text).toBe('');
		writer.start();
		vi.advanceTimersByTime(100);
		expect(output.text).toContain('\x1b[2J');
		expect(output.text).toContain('hello');
		expect(output.text.endsWith('\x1b[?2026l')).toBe(true);
	});

	test('many frames in a short time are one; a key is answered at once', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		const before = frames();
		for (let i = 0; i < 50; i++) writer.stdout.write(`frame ${i}`);
		vi.advanceTimersByTime(60);
		expect(frames()).toBe(before + 1);
		expect(output.text).toContain('frame 49');
		writer.hurry();
		writer.stdout.write('key');
		vi.advanceTimersByTime(1);
		expect(frames()).toBe(before + 2);
	});

	test('a frame that changes nothing costs nothing', () => {
		writer.start();
		writer.stdout.write('same');
		vi.advanceTimersByTime(100);
		const before = output.text.length;
		writer.stdout.write('same');
		vi.advanceTimersByTime(100);
		expect(output.text.length).toBe(before);
	});

	test('while the terminal does not read, newer frames replace each other; then one fresh frame', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		output.room = 10;
		writer.stdout.write('first frame in transit');
		vi.advanceTimersByTime(100);
		for (let i = 0; i < 100; i++) {
			writer.stdout.write(`frame ${i}`);
			vi.advanceTimersByTime(50);
		}
		output.room = Number.POSITIVE_INFINITY;
		output.text = '';
		vi.advanceTimersByTime(200);
		expect(output.text).toContain('frame 99');
		expect(output.text).not.toContain('frame 98');
		expect(output.text).toContain('\x1b[2J');
	});

	test('a terminal that is gone is reported once', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		output.failure = Object.assign(new Error('EIO'), { code: 'EIO' });
		writer.stdout.write('x');
		vi.advanceTimersByTime(500);
		writer.stdout.write('y');
		vi.advanceTimersByTime(500);
		expect(gone).toEqual([output.failure]);
	});

	test('stopping in the middle of a frame says that it was cut', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		expect(writer.stop()).toBe(false);
		writer.start();
		output.room = 3;
		writer.stdout.write('cut');
		vi.advanceTimersByTime(100);
		expect(writer.stop()).toBe(true);
	});

	test('slots stand in the place of their markers, beside text and each other', () => {
		const [left, right] = [writer.slots.allocate(), writer.slots.allocate()];
		writer.slots.set(left, { lines: ['\x1b[32mone\x1b[m', 'two'], width: 5 });
		writer.slots.set(right, { lines: ['a very long line', 'b'], width: 6 });
		const [l0, l1] = markerText(left, 2).split('\n');
		const [r0, r1] = markerText(right, 2).split('\n');
		writer.stdout.write(`title\n${l0}    |${r0}\n${l1}    |${r1}`);
		writer.start();
		vi.advanceTimersByTime(100);
		const plain = output.text
			.replace(/\x1b\[(\d*)C/g, (_, cells) => ' '.repeat(Number(cells || 1)))
			.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '');
		expect(plain).toContain('one  |a very\r\ntwo  |b');
		output.text = '';
		writer.slots.set(left, { lines: ['one', 'new'], width: 5 });
		vi.advanceTimersByTime(100);
		expect(output.text).toContain('new');
		expect(output.text).not.toContain('title');
	});

	test('ids of widgets that never came to the screen are used again', () => {
		for (let i = 0; i < 1000; i++) writer.slots.allocate();
		const id = writer.slots.allocate();
		writer.slots.set(id, { lines: [], width: 1 });
		for (let i = 0; i < 1000; i++) expect(writer.slots.allocate()).not.toBe(id);
	});
});
