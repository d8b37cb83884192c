/**
 * The benchmarks: wattlag beside its peers and beside nothing, as Markdown on standard output and as JSON in build/bench/.
 *   npm run bench -- [--section rest,kernel,workload,reading,terminal,record,day,triage,profile,soak] [--quick] [--against DIR] [--minutes N] [--write]
 * Without `--section` all but `soak`, which takes half an hour (`--minutes`). `--quick` alone, and `--against`: only `rest`.
 * `--against DIR` measures the older build in that checkout in the same turns, and says what got worse beyond noise (exit
 * code 1 then). `--write` keeps the sections measured in docs/performance/ and writes the tables of docs/PERFORMANCE.md
 * from all that are there. Needs root. Exit code 2: wrong options; 130 and the like: ended by a signal.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { realHost } from '../truth/host.ts';
import { endOnSignals } from '../truth/leftovers.ts';
import { buildWorkloads } from '../truth/workload.ts';
import { worse, worseText } from './against.ts';
import type { Bench } from './bench.ts';
import { day } from './day.ts';
import { writeRegion } from './document.ts';
import type { SectionResult } from './figures.ts';
import { kernel } from './kernel.ts';
import { machine } from './machine.ts';
import { profile } from './profile.ts';
import { progress } from './progress.ts';
import { reading } from './reading.ts';
import { record } from './record.ts';
import { load, type Measured, reportText, save } from './report.ts';
import { rest } from './rest.ts';
import { soak } from './soak.ts';
import { terminal } from './terminal.ts';
import { triage } from './triage.ts';
import { workload } from './workload.ts';

const sections: Record<string, (bench: Bench) => Promise<SectionResult>> = {
	rest,
	kernel,
	workload,
	reading,
	terminal,
	record,
	day,
	triage,
	profile,
	soak,
};
/** Not measured unless it is named. */
const LONG = ['soak'];
const PACKAGES = ['libbpf-tools', 'fio', 'linux-perf', 'htop', 'btop', 'atop', 'procps'];
const KEPT = 'docs/performance';

class UsageError extends Error {}

interface Wanted {
	wanted: string[];
	quick: boolean;
	write: boolean;
	against: string | undefined;
	minutes: number;
}

function command(): Wanted {
	try {
		const { values } = parseArgs({
			options: {
				section: { type: 'string' },
				against: { type: 'string' },
				minutes: { type: 'string', default: '30' },
				quick: { type: 'boolean', default: false },
				write: { type: 'boolean', default: false },
			},
		});
		const { quick, write, against } = values;
		const few = quick || against !== undefined;
		const wanted =
			values.section?.split(',') ?? (few ? ['rest'] : Object.keys(sections).filter((name) => !LONG.includes(name)));
		const minutes = Number(values.minutes);
		if (!Number.isInteger(minutes) || minutes < 1)
			throw new Error(`--minutes ${values.minutes}: a whole number from 1 on`);
		const unknown = wanted.find((name) => !(name in sections));
		if (against !== undefined && !existsSync(join(against, 'bin/wattlag')))
			throw new Error(`--against ${against}: no bin/wattlag there`);
		if (against !== undefined && write) throw new Error('--against measures nothing that --write could keep');
		if (against !== undefined && wanted.some((name) => name !== 'rest'))
			throw new Error('--against is for section rest');
		if (unknown === undefined) return { quick, write, against, wanted, minutes };
		throw new Error(`no section '${unknown}'; there are ${Object.keys(sections).join(', ')}`);
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

async function main(): Promise<void> {
	const { wanted, quick, write, against, minutes } = command();
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run bench');

	const loads = buildWorkloads(new URL('load.c', import.meta.url));
	const bench = { host: realHost(), loads, quick, minutes, ...(against !== undefined && { against }) };
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
	if (against !== undefined) {
		for (const { result } of results) process.stdout.write(`\n${worseText(result)}`);
		process.exitCode = results.some(({ result }) => worse(result).length > 0) ? 1 : 0;
	}
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
