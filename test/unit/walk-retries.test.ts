import { expect, test } from 'vitest';
import { WalkRetries } from '../../src/bpf/walk-retries.ts';

/** The reads that are walks: w, those of them that are incomplete: i, reads by the iterator: `.` */
function reads(retries: WalkRetries, count: number, complete: (walk: number) => boolean): string {
	let [text, walks] = ['', 0];
	for (let read = 0; read < count; read++) {
		if (!retries.next()) text += '.';
		else text += retries.ended(complete(walks++)) ? 'w' : 'i';
	}
	return text;
}

test('one incomplete walk is followed by the next; more of them by pauses that grow up to a limit', () => {
	expect(reads(new WalkRetries(), 4, (walk) => walk > 0)).toBe('iwww');
	expect(reads(new WalkRetries(), 32, () => false)).toBe('ii.i...i.......i...............i');
	const retries = new WalkRetries();
	expect(reads(retries, 5, (walk) => walk > 1)).toBe('ii.ww');
	expect(reads(retries, 2, (walk) => walk > 0)).toBe('iw');
});
