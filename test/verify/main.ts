/**
 * Every figure against a truth that others computed, as Markdown on standard output and as JSON in build/verify/.
 *   npm run verify -- [--part NAME,…] [--write]
 * `--write` puts the table into docs/PERFORMANCE.md: of all parts, and only if each of them could be measured. A part that
 * fails does not end the others. Needs root and a machine that does little else. Exit code 1: a bound is missed, or a part
 * failed; 2: wrong options; 130 and the like: ended by a signal.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeRegion } from '../bench/document.ts';
import { machine, machineText } from '../bench/machine.ts';
import { endOnSignals } from '../truth/leftovers.ts';
import { buildWorkloads, type Workloads } from '../truth/workload.ts';
import type { Check } from './check.ts';
import { latency, readTime, requests } from './disk.ts';
import { interrupts } from './interrupts.ts';
import { movedAsleep } from './moved-asleep.ts';
import { flushedAndDiscarded, renamedAndMoved, stackedWrites } from './owners.ts';
import { peerWaits } from './peer.ts';
import { cpuTime, runDelay } from './processes.ts';
import { checksText } from './report.ts';
import { wakers } from './wakers.ts';

class UsageError extends Error {}

/** In the order of the table. */
const parts: Readonly<Record<string, (loads: Workloads) => Promise<Check[]>>> = {
	cpuTime,
	runDelay,
	movedAsleep,
	interrupts,
	requests,
	readTime,
	latency,
	flushedAndDiscarded,
	renamedAndMoved,
	stackedWrites,
	peerWaits,
	wakers,
};

/** Which parts are to run, and whether their table is to be written. */
function command(): { names: string[]; write: boolean } {
	try {
		const { values } = parseArgs({ options: { part: { type: 'string' }, write: { type: 'boolean', default: false } } });
		const names = values.part?.split(',') ?? Object.keys(parts);
		const unknown = names.find((name) => !(name in parts));
		if (unknown !== undefined) throw new Error(`no part '${unknown}'; there are ${Object.keys(parts).join(', ')}`);
		if (values.write && values.part !== undefined) throw new Error('--write is for all parts: not with --part');
		return { names, write: values.write };
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

async function main(): Promise<boolean> {
	const { names, write } = command();
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run verify');
	const loads = buildWorkloads();
	const checks: Check[] = [];
	const failed: string[] = [];
	try {
		for (const name of names) {
			const begun = performance.now();
			process.stderr.write(`verify: ${name}`);
			try {
				const own = await (parts[name] as (typeof parts)[string])(loads);
				checks.push(...own);
				const missed = own.filter(({ passed }) => !passed).length;
				const seconds = ((performance.now() - begun) / 1000).toFixed(1);
				process.stderr.write(`: ${own.length - missed} of ${own.length} bounds kept, ${seconds} s\n`);
			} catch (error) {
				failed.push(name);
				process.stderr.write(` failed: ${(error as Error).message}\n`);
			}
		}
	} finally {
		await loads.stop();
	}
	const on = machine(['fio', 'libbpf-tools', 'linux-perf']);
	mkdirSync('build/verify', { recursive: true });
	writeFileSync('build/verify/verify.json', `${JSON.stringify({ machine: on, checks, failed }, null, '\t')}\n`);
	const text = `${machineText(on)}\n\n${checksText(checks)}\n`;
	process.stdout.write(text);
	if (write && failed.length === 0) writeRegion('docs/PERFORMANCE.md', 'verify', text);
	if (failed.length > 0)
		process.stderr.write(`verify: no figures of ${failed.join(', ')}${write ? ': the table stays as it is' : ''}\n`);
	return failed.length === 0 && checks.every(({ passed }) => passed);
}

endOnSignals('verify');
try {
	process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
	process.stderr.write(`verify: ${(error as Error).message}\n`);
	process.exitCode = error instanceof UsageError ? 2 : 1;
}
