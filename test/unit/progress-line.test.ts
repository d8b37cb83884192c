import { expect, test } from 'vitest';
import { ProgressLine } from '../../src/commands/progress-line.ts';

function lines(isTTY: boolean) {
	const written: string[] = [];
	let now = 0;
	const target = { isTTY, write: (text: string) => written.push(text) };
	const progress = new ProgressLine('comparing', target, () => now);
	return {
		written,
		at: (ms: number, part: number) => {
			now = ms;
			progress.update(part);
		},
		end: () => progress.end(),
	};
}

test('work that is soon done prints nothing', () => {
	const { written, at, end } = lines(true);
	at(1000, 0.9);
	end();
	expect(written).toEqual([]);
});

test('on a terminal one line is written again, and gone at the end', () => {
	const { written, at, end } = lines(true);
	at(2000, 0.25);
	at(2100, 0.26);
	at(4000, 0.5);
	end();
	expect(written).toEqual([
		'\rwattlag: comparing: 25%, 6 s left\x1b[K',
		'\rwattlag: comparing: 50%, 4 s left\x1b[K',
		'\r\x1b[K',
	]);
});

test('elsewhere it is a line in ten seconds', () => {
	const { written, at, end } = lines(false);
	for (let second = 1; second <= 20; second++) at(second * 1000, second / 40);
	end();
	expect(written).toEqual(['wattlag: comparing: 5%, 38 s left\n', 'wattlag: comparing: 30%, 28 s left\n']);
});
