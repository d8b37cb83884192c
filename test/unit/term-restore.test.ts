/** What reaches the terminal at the end, whether it reads or not. */
import xterm from '@xterm/headless';
import { beforeEach, expect, test } from 'vitest';
import type { Output } from '../../src/term/output.ts';
import { Terminal } from '../../src/term/terminal.ts';

/** A terminal that takes `room` bytes, and as many again when its output was discarded, if it can be. */
class Stalled implements Output {
	text = '';
	room = 1000;
	discards = 0;
	discardable = true;

	write(bytes: Uint8Array): number {
		const accepted = Math.min(bytes.length, this.room);
		this.room -= accepted;
		this.text += Buffer.from(bytes.subarray(0, accepted)).toString('latin1');
		return accepted;
	}

	discard(): boolean {
		this.discards++;
		if (!this.discardable) return false;
		this.text += '<discarded>';
		this.room = 1000;
		return true;
	}

	guarded = '';

	guard(text: Uint8Array): void {
		this.guarded = Buffer.from(text).toString('latin1');
	}

	close(): void {}
}

let output: Stalled;
let terminal: Terminal;
beforeEach(() => {
	output = new Stalled();
	terminal = new Terminal(output, null, true);
	terminal.enter();
	output.text = '';
});

const restored = '\x1b[?1006l\x1b[?1000l\x1b[?2026l\x1b[m\x1b[H\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l';

test('a terminal that reads is restored after what it was sent', () => {
	terminal.restore();
	terminal.restore();
	expect(output.text).toBe(restored);
	expect(output.discards).toBe(0);
});

test('a frame that was cut is ended first', () => {
	terminal.restore(true);
	expect(output.text).toBe(`\x18\x1b\\${restored}`);
});

test('without room: what was not read goes, whatever it was cut in is ended, and all is sent anew', () => {
	output.room = 11;
	terminal.restore();
	expect(output.text).toBe(`${restored.slice(0, 11)}<discarded>\x18\x1b\\${restored}`);
});

test('without room, and where nothing can be discarded: it ends all the same', () => {
	output.room = 0;
	output.discardable = false;
	terminal.restore();
	expect(output.text).toBe('');
	expect(output.discards).toBe(1);
});

test('last words for a crash are there as long as the screen is', async () => {
	await new Promise(setImmediate);
	expect(output.guarded.startsWith(`\x18\x1b\\${restored}`)).toBe(true);
	expect(output.guarded).toMatch(/wattlag: crashed .*\r\n$/);
	terminal.restore();
	expect(output.guarded).toBe('');
	terminal.enter();
	terminal.restore();
	await new Promise(setImmediate);
	expect(output.guarded).toBe('');
});

test('a terminal that knows no other screen is left empty, the cursor in its first place', async () => {
	const screen = new xterm.Terminal({ cols: 40, rows: 10, allowProposedApi: true });
	const written = (text: string) =>
		new Promise<void>((resolve) => screen.write(text.replaceAll(/\x1b\[\?1049[hl]/g, ''), resolve));
	await written('$ wattlag\r\n');
	terminal.enter();
	await written(`${output.text}\x1b[7;1H\x1b[41ma row of the table`);
	output.text = '';
	terminal.restore();
	await written(output.text);
	const { cursorX, cursorY, length } = screen.buffer.active;
	expect({ cursorX, cursorY }).toEqual({ cursorX: 0, cursorY: 0 });
	for (let row = 0; row < length; row++) expect(screen.buffer.active.getLine(row)?.translateToString(true)).toBe('');
	screen.dispose();
});
