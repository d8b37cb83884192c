/** A disk that is removed: it is reported by name, and none of its rows stays. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { laidOut } from './fio.ts';
import { ioSessions } from './io-session.ts';
import { dd, onDisk } from './load.ts';

const run = promisify(execFile);

const start = ioSessions();

/** linux/loop.h */
const LOOP_CTL = { add: 0x4c80, remove: 0x4c81 };

const NUMBER = 211;
const NAME = `loop${NUMBER}`;

/** Make or remove the loop device of that number; Node has no ioctl. */
async function control(what: keyof typeof LOOP_CTL): Promise<void> {
	const script = `open(my $f, '+<', '/dev/loop-control') or die $!; defined ioctl($f, ${LOOP_CTL[what]}, ${NUMBER}) or die $!`;
	await run('perl', ['-e', script]);
}

test.each([{}, { 'device-only': true }])('its rows end with its last requests, %o', async (options) => {
	await onDisk(async (directory) => {
		const image = await laidOut(directory, 'image', 4);
		const running = start(options);
		const look = () => {
			const { rows, extra } = running.read(1e9, 'operation');
			return {
				counts: rows.filter(({ device }) => device === NAME).map(({ op, count }) => ({ op, count })),
				gone: extra.gone,
			};
		};
		await control('add');
		try {
			await run('losetup', [`/dev/${NAME}`, image]);
			const read = () => dd(`if=/dev/${NAME}`, 'of=/dev/null', 'bs=4k', 'count=100', 'iflag=direct');
			await read();
			expect(look()).toEqual({
				counts: [{ op: 'read', count: expect.toSatisfy((count) => count >= 99) }],
				gone: undefined,
			});
			await read();
			await run('losetup', ['--detach', `/dev/${NAME}`]);
		} finally {
			await control('remove');
		}
		expect(existsSync(`/sys/block/${NAME}`)).toBe(false);
		// requests of before the removal are still reported
		const last = look();
		expect(last.gone).toEqual([NAME]);
		expect(last.counts).toEqual([{ op: 'read', count: expect.toSatisfy((count) => count >= 99) }]);
		expect(look()).toEqual({ counts: [], gone: [NAME] });
	});
});
