/**
 * The benchmarks: wattlag beside its peers and beside nothing, as Markdown on standard output and as JSON in build/bench/.
 *   npm run bench -- [--section kernel,workload,reading,terminal] [--quick] [--write]
 * `--write` puts the newest tables of all sections into docs/PERFORMANCE.md.
 * Needs root. See docs/PERFORMANCE.md.
 */
import { parseArgs } from 'node:util';
import { realHost } from '../truth/host.ts';
import { buildWorkloads } from '../truth/workload.ts';
import type { Bench } from './bench.ts';
import { writeRegion } from './document.ts';
import type { SectionResult } from './figures.ts';
import { kernel } from './kernel.ts';
import { machine } from './machine.ts';
import { progress } from './progress.ts';
import { reading } from './reading.ts';
import { load, type Measured, reportText, save } from './report.ts';
import { startUp, terminal } from './terminal.ts';
import { workload } from './workload.ts';

const sections: Record<string, (bench: Bench) => Promise<SectionResult>> = {
	kernel,
	workload,
	reading,
	terminal: async ({ quick }) => ({
		id: 'terminal',
		title: 'Terminal: the screen beside htop, btop and top',
		notes: [],
		figures: [],
		tables: [await terminal(quick ? 1 : 2), await startUp(5)],
	}),
};
const PACKAGES = ['libbpf-tools', 'fio', 'linux-perf', 'htop', 'btop', 'procps'];

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			section: { type: 'string' },
			quick: { type: 'boolean', default: false },
			write: { type: 'boolean', default: false },
		},
	});
	const wanted = values.section?.split(',') ?? Object.keys(sections);
	const unknown = wanted.find((name) => !(name in sections));
	if (unknown !== undefined) throw new Error(`no section '${unknown}'; there are ${Object.keys(sections).join(', ')}`);
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run bench');

	const loads = buildWorkloads(new URL('load.c', import.meta.url));
	const bench = { host: realHost(), loads, rounds: values.quick ? 3 : 5, quick: values.quick };
	const results: Measured[] = [];
	const on = machine(PACKAGES);
	try {
		for (const name of wanted) {
			progress(`section ${name}`);
			const result = await (sections[name] as (bench: Bench) => Promise<SectionResult>)(bench);
			const measured = { machine: on, result };
			results.push(measured);
			progress(`all values: ${save(measured)}`);
		}
	} finally {
		await loads.stop();
	}
	process.stdout.write(reportText(results));
	if (values.write) writeRegion('docs/PERFORMANCE.md', 'bench', reportText(load(Object.keys(sections))));
}

try {
	await main();
} catch (error) {
	process.stderr.write(`bench: ${(error as Error).message}\n`);
	process.exitCode = 1;
}
