/**
 * The benchmarks: wattlag beside its peers and beside nothing, as Markdown on standard output and as JSON in build/bench/.
 *   npm run bench -- [--section kernel,workload,reading,terminal] [--quick] [--write]
 * `--write` puts the tables into docs/PERFORMANCE.md.
 * Needs root. See docs/PERFORMANCE.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Host } from '../../src/tracers/tracer.ts';
import { realHost } from '../truth/host.ts';
import { buildWorkloads, type Workloads } from '../truth/workload.ts';
import { writeRegion } from './document.ts';
import { type SectionResult, sectionText } from './figures.ts';
import { goals, goalsText } from './goals.ts';
import { kernel } from './kernel.ts';
import { machine, machineText } from './machine.ts';
import { progress } from './progress.ts';
import { reading } from './reading.ts';
import { startUp, terminal } from './terminal.ts';
import { workload } from './workload.ts';

/** What every section gets. */
export interface Bench {
	host: Host;
	/** test/bench/load.c */
	loads: Workloads;
	/** Times that every contender has its turn. */
	rounds: number;
	/** Shorter and coarser. */
	quick: boolean;
}

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
		options: { section: { type: 'string' }, quick: { type: 'boolean', default: false } },
	});
	const wanted = values.section?.split(',') ?? Object.keys(sections);
	const unknown = wanted.find((name) => !(name in sections));
	if (unknown !== undefined) throw new Error(`no section '${unknown}'; there are ${Object.keys(sections).join(', ')}`);
	if (process.getuid?.() !== 0) throw new Error('needs root: sudo npm run bench');

	const loads = buildWorkloads(new URL('load.c', import.meta.url));
	const bench = { host: realHost(), loads, rounds: values.quick ? 3 : 5, quick: values.quick };
	const results: SectionResult[] = [];
	const on = machine(PACKAGES);
	try {
		for (const name of wanted) {
			progress(`section ${name}`);
			results.push(await (sections[name] as (bench: Bench) => Promise<SectionResult>)(bench));
		}
	} finally {
		await loads.stop();
	}
	const reached = goals(results);
	mkdirSync('build/bench', { recursive: true });
	const file = `build/bench/${wanted.join('-')}.json`;
	writeFileSync(file, `${JSON.stringify({ machine: on, goals: reached, sections: results }, null, '\t')}\n`);
	const text = [machineText(on), '', goalsText(reached), '', ...results.map((result) => sectionText(result))].join(
		'\n',
	);
	process.stdout.write(text);
	if (values.write) writeRegion('docs/PERFORMANCE.md', 'bench', text);
	progress(`all values: ${file}`);
}

try {
	await main();
} catch (error) {
	process.stderr.write(`bench: ${(error as Error).message}\n`);
	process.exitCode = 1;
}
