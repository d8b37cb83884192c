import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addon, addonPath, type Fixtures, inKernel, leftInKernel, makeFixtures, openEvents } from './support.ts';

const leaker = fileURLToPath(new URL('fixtures/leaker.ts', import.meta.url));

let fixtures: Fixtures;
let events: string;

beforeAll(() => {
	fixtures = makeFixtures();
	events = fixtures.compile('events');
});

afterAll(() => fixtures.remove());

test('the look into the kernel sees what there is', async () => {
	const { object } = openEvents(addon(), events);
	object.attach(fixtures.named('kill'));
	object.attach(fixtures.named('tasks'));
	const held = inKernel(fixtures.tag);
	expect(held.filter((entry) => entry.startsWith('prog '))).toHaveLength(3);
	expect(held.filter((entry) => entry.startsWith('map '))).toHaveLength(4);
	expect(held.filter((entry) => entry.startsWith('link '))).toHaveLength(2);
	object.close();
	expect(await leftInKernel(fixtures.tag)).toEqual([]);
});

/** What a child holds after its rounds, and what the kernel holds of these fixtures while the child still lives. */
async function leak(way: string, rounds: number, own: Fixtures): Promise<{ held: string[]; left: string[] }> {
	const objects = [own.compile('events'), own.compile('rejected')];
	const child = spawn(process.execPath, ['--expose-gc', leaker, way, String(rounds), addonPath, own.tag, ...objects], {
		stdio: 'pipe',
	});
	const end = once(child, 'exit');
	let errors = '';
	child.stderr.on('data', (chunk: Buffer) => {
		errors += chunk;
	});
	try {
		const report = await new Promise<string>((resolve, reject) => {
			createInterface(child.stdout).once('line', resolve);
			end.then(([status, signal]) => reject(new Error(`${way}: ${status ?? signal} ${errors}`)), reject);
		});
		const left = await leftInKernel(own.tag);
		return { held: JSON.parse(report) as string[], left };
	} finally {
		child.stdin.end();
		await end;
	}
}

// at the same time, each with fixtures of its own: most of it is waiting for the kernel
test.concurrent.for([
	['many', 20, 'four workers at a time'],
	['close', 50, 'close()'],
	['collect', 50, 'collected without close()'],
	['reject', 50, 'a failed load'],
	['return', 50, 'a worker that comes to its end'],
	['exit', 50, 'a worker that calls process.exit()'],
	['throw', 50, 'a worker that ends by an exception'],
	['terminate', 50, 'a worker that is terminated'],
] as const)('%s, %i times: nothing stays (%s)', async ([way, rounds], { onTestFinished }) => {
	const own = makeFixtures();
	onTestFinished(own.remove);
	expect(await leak(way, rounds, own)).toEqual({ held: [], left: [] });
});

test('SIGKILL leaves nothing', async () => {
	const run = spawnSync(
		process.execPath,
		[
			'--input-type=module',
			'--eval',
			`import { openEvents, addon } from ${JSON.stringify(new URL('support.ts', import.meta.url).href)};
			const { object } = openEvents(addon(), ${JSON.stringify(events)});
			object.attach(${JSON.stringify(fixtures.named('kill'))});
			process.kill(process.pid, 'SIGKILL');`,
		],
		{ encoding: 'utf8' },
	);
	expect(run.signal, run.stderr).toBe('SIGKILL');
	expect(await leftInKernel(fixtures.tag)).toEqual([]);
});
