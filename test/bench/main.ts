/**
 * The benchmarks: wattlag beside its peers and beside nothing, as Markdown on standard output and as JSON in build/bench/.
 *   npm run bench -- [--section kernel,workload,reading,terminal] [--quick] [--write]
 * `--write` keeps the sections measured in docs/performance/ and writes the tables of docs/PERFORMANCE.md from all that
 * are there. Needs root. Exit code 2: wrong options; 130 and the like: ended by a signal.
 */
import { parseArgs } from 'node:util';
import { realHost } from '../truth/host.ts';
import { endOnSignals } from '../truth/leftovers.ts';
import { buildWorkloads } from '../truth/workload.ts';
import type { Bench } from './bench.ts';
import { writeRegion } from './document.ts';
import type { SectionResult } from './figures.ts';
import { kernel } from './kernel.ts';
import { machine } from './machine.ts';
import { progress } from './progress.ts';
import { reading } from './reading.ts';
import { load, type Measured, reportText, save } from './report.ts';
import { terminal } from './terminal.ts';
import { workload } from './workload.ts';

const sections: Record<string, (bench: Bench) => Promise<SectionResult>> = { kernel, workload, reading, terminal };
const PACKAGES = ['libbpf-tools', 'fio', 'linux-perf', 'htop', 'btop', 'procps'];
const KEPT = 'docs/performance';

class UsageError extends Error {}

function command(): { wanted: string[]; quick: boolean; write: boolean } {
	try {
		const { values } = parseArgs({
			options: {
				section: { type: 'string', default: Object.keys(sections).join(',') },
				quick: { type: 'boolean', default: false },
				write: { type: 'boolean', default: false },
			},
		});
		const wanted = values.section.split(',');
		const unknown = wanted.find((name) => !(name in sections));
		if (unknown === undefined) return { ...values, wanted };
		throw new Error(`no section '${unknown}'; there are ${Object.keys(sections).join(', ')}`);
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

async function main(): Promise<void> {
	const { wanted, quick, write } = command();
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run bench');

	const loads = buildWorkloads(new URL('load.c', import.meta.url));
	const bench = { host: realHost(), loads, quick };
	const results: Measured[] = [];
	const on = machine(PACKAGES);
	try {
		for (const name of wanted) {
			const begun = performance.now();
			progress(`section ${name}`);
			const result = await (sections[name] as (bench: Bench) => Promise<SectionResult>)(bench);
			const measured = { machine: on, result };
			results.push(measured);
			const seconds = Math.round((performance.now() - begun) / 1000);
			progress(`section ${name} took ${seconds} s; all values: ${save('build/bench', measured)}`);
		}
	} finally {
		await loads.stop();
	}
	process.stdout.write(reportText(results));
	if (!write) return;
	for (const measured of results) save(KEPT, measured);
	writeRegion('docs/PERFORMANCE.md', 'bench', reportText(load(KEPT, Object.keys(sections))));
}

endOnSignals('bench');
try {
	await main();
} catch (error) {
	process.stderr.write(`bench: ${(error as Error).message}\n`);
	process.exitCode = error instanceof UsageError ? 2 : 1;
}
