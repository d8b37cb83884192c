import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FrameWriter } from '../../src/term/frame-writer.ts';
import type { Output } from '../../src/term/output.ts';

/** A terminal that takes `room` bytes, then nothing. */
class Fake implements Pick<Output, 'write'> {
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
}

let output: Fake;
let gone: unknown[];
let writer: FrameWriter;
const widget = {};
/** The whole screen is one widget. */
const show = (text: string) =>
	writer.slots.set(widget, { lines: text.split('\n'), width: 40, position: () => ({ x: 0, y: 0, height: 5 }) });
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
		show('hello');
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
		for (let i = 0; i < 50; i++) show(`frame ${i}`);
		vi.advanceTimersByTime(60);
		expect(frames()).toBe(before + 1);
		expect(output.text).toContain('frame 49');
		writer.flushSoon();
		show('key');
		vi.advanceTimersByTime(1);
		expect(frames()).toBe(before + 2);
	});

	test('a frame that changes nothing costs nothing', () => {
		writer.start();
		show('same');
		vi.advanceTimersByTime(100);
		const before = output.text.length;
		show('same');
		vi.advanceTimersByTime(100);
		expect(output.text.length).toBe(before);
	});

	test('while the terminal does not read, newer frames replace each other; then one fresh frame', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		output.room = 10;
		show('first frame in transit');
		vi.advanceTimersByTime(100);
		for (let i = 0; i < 100; i++) {
			show(`frame ${i}`);
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
		show('x');
		vi.advanceTimersByTime(500);
		show('y');
		vi.advanceTimersByTime(500);
		expect(gone).toEqual([output.failure]);
	});

	test('stopping in the middle of a frame says that it was cut', () => {
		writer.start();
		vi.advanceTimersByTime(100);
		expect(writer.stop()).toBe(false);
		writer.start();
		output.room = 3;
		show('cut');
		vi.advanceTimersByTime(100);
		expect(writer.stop()).toBe(true);
	});

	test('slots stand in their places beside each other, and are cut at the edges', () => {
		const [left, right] = [{}, {}];
		const at = (x: number, y: number, height: number) => () => ({ x, y, height });
		writer.slots.set(right, { lines: ['a very long line', 'b', 'hidden'], width: 6, position: at(7, 1, 2) });
		writer.slots.set(left, { lines: ['\x1b[32mone\x1b[m', 'two'], width: 5, position: at(0, 1, 5) });
		writer.slots.set({}, { lines: ['outside'], width: 7, position: at(0, 5, 1) });
		writer.slots.set({}, { lines: ['beyond'], width: 6, position: at(38, 0, 1) });
		writer.start();
		vi.advanceTimersByTime(100);
		const plain = output.text
			.replace(/\x1b\[(\d*)C/g, (_, cells) => ' '.repeat(Number(cells || 1)))
			.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '');
		expect(plain).toContain('be\r\none    a very\r\ntwo    b');
		expect(plain).not.toMatch(/hidden|outside|beyo/);
		output.text = '';
		writer.slots.set(left, { lines: ['one', 'new'], width: 5, position: at(0, 1, 2) });
		vi.advanceTimersByTime(100);
		expect(output.text).toContain('new');
		expect(output.text).not.toContain('very');
		output.text = '';
		writer.slots.release(right);
		vi.advanceTimersByTime(100);
		expect(output.text).toContain('\x1b[K');
	});

	test('a widget that its neighbours moved is drawn in its new place when Ink has laid it out', () => {
		let y = 0;
		writer.slots.set(widget, { lines: ['moving'], width: 6, position: () => ({ x: 0, y, height: 1 }) });
		writer.start();
		vi.advanceTimersByTime(100);
		output.text = '';
		y = 3;
		writer.stdout.write('');
		vi.advanceTimersByTime(100);
		expect(output.text).toMatch(/^\x1b\[\?2026h\x1b\[1H\x1b\[K\x1b\[4Hmoving/);
	});
});
