/**
 * Every figure against a truth that somebody else computed, as Markdown on standard output and as JSON in build/verify/.
 *   npm run verify -- [--write]
 * `--write` puts the table into docs/PERFORMANCE.md. Needs root and a machine that does little else. Exit code 1 when a bound is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeRegion } from '../bench/document.ts';
import { machine, machineText } from '../bench/machine.ts';
import { buildWorkloads } from '../truth/workload.ts';
import type { Check } from './check.ts';
import { latency, requests } from './disk.ts';
import { interrupts } from './interrupts.ts';
import { peerWaits } from './peer.ts';
import { cpuTime, runDelay } from './processes.ts';
import { checksText } from './report.ts';

async function main(): Promise<boolean> {
	const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run verify');
	const loads = buildWorkloads();
	const checks: Check[] = [];
	try {
		for (const [name, part] of Object.entries({ cpuTime, runDelay, interrupts, requests, latency, peerWaits })) {
			process.stderr.write(`verify: ${name}\n`);
			checks.push(...(await part(loads)));
		}
	} finally {
		await loads.stop();
	}
	const on = machine(['fio', 'libbpf-tools']);
	mkdirSync('build/verify', { recursive: true });
	writeFileSync('build/verify/verify.json', `${JSON.stringify({ machine: on, checks }, null, '\t')}\n`);
	const text = `${machineText(on)}\n\n${checksText(checks)}\n`;
	process.stdout.write(text);
	if (values.write) writeRegion('docs/PERFORMANCE.md', 'verify', text);
	return checks.every(({ passed }) => passed);
}

try {
	process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
	process.stderr.write(`verify: ${(error as Error).message}\n`);
	process.exitCode = 1;
}
