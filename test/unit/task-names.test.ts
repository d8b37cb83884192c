import { expect, test } from 'vitest';
import { taskName } from '../../src/lib/task-names.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.padEnd(16, '\0'), 'latin1'));

test('equal names are one object, and as text they are inert', () => {
	const name = taskName(bytes('worker'));
	expect(name).toEqual({ raw: 'worker', text: 'worker' });
	expect(taskName(bytes('worker'))).toBe(name);
	expect(taskName(bytes('worker\0x'))).toBe(name);
	expect(taskName(bytes('worke'))).not.toBe(name);
	expect(taskName(bytes('a\x1b[2J')).text).toBe('a^[[2J');
});

test('a name that is no longer kept stays the same for its users', () => {
	const name = taskName(bytes('worker'));
	for (let number = 0; number < 5000; number++) taskName(bytes(`w${number}`));
	expect(taskName(bytes('worker'), name)).toBe(name);
	expect(taskName(bytes('worker2'), name).text).toBe('worker2');
});
