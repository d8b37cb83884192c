/**
 * Every figure against a truth that somebody else computed, as Markdown on standard output and as JSON in build/verify/.
 *   npm run verify -- [--write]
 * `--write` puts the table into docs/PERFORMANCE.md. Needs root and a machine that does little else. Exit code 1: a
 * bound is missed; 2: wrong options; 130 and the like: ended by a signal.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeRegion } from '../bench/document.ts';
import { machine, machineText } from '../bench/machine.ts';
import { endOnSignals } from '../truth/leftovers.ts';
import { buildWorkloads } from '../truth/workload.ts';
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

/** Are the tables to be written? */
function command(): boolean {
	try {
		return parseArgs({ options: { write: { type: 'boolean', default: false } } }).values.write;
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

async function main(): Promise<boolean> {
	const write = command();
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run verify');
	const loads = buildWorkloads();
	const checks: Check[] = [];
	try {
		for (const [name, part] of Object.entries({
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
		})) {
			process.stderr.write(`verify: ${name}\n`);
			checks.push(...(await part(loads)));
		}
	} finally {
		await loads.stop();
	}
	const on = machine(['fio', 'libbpf-tools', 'linux-perf']);
	mkdirSync('build/verify', { recursive: true });
	writeFileSync('build/verify/verify.json', `${JSON.stringify({ machine: on, checks }, null, '\t')}\n`);
	const text = `${machineText(on)}\n\n${checksText(checks)}\n`;
	process.stdout.write(text);
	if (write) writeRegion('docs/PERFORMANCE.md', 'verify', text);
	return checks.every(({ passed }) => passed);
}

endOnSignals('verify');
try {
	process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
	process.stderr.write(`verify: ${(error as Error).message}\n`);
	process.exitCode = error instanceof UsageError ? 2 : 1;
}
