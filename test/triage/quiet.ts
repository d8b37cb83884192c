/** No trouble, but a machine that works hard: every line is listed, severe ones are false unless somebody made them true. */
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { start, stop } from './postgres.ts';
import { writeQuiet } from './table.ts';
import { lineText, sleep, watch } from './watch.ts';

/** Compiles all BPF programs again and again, two at a time, as `make -j2` does with a kernel. */
const BUILD =
	'while :; do ls bpf/*/*.bpf.c | xargs -P 2 -I FILE clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -I bpf -c FILE -o /dev/null; done';

interface Seen {
	level: string;
	text: string;
	intervals: number;
	witnesses: readonly string[];
}

/** @param write add the series to docs/triage.md, also one that was interrupted */
export async function quiet(seconds: number, write: boolean): Promise<void> {
	const build = start(['nice', '-n', '5', 'sh', '-c', BUILD], seconds + 10);
	const overview = watch();
	await overview.ready;
	const begun = performance.now();
	let interrupted = false;
	const interrupt = () => {
		interrupted = true;
	};
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
	const elapsed = () => (performance.now() - begun) / 1000;
	while (elapsed() < seconds && !interrupted && !overview.over) await sleep(0.5);
	const lasted = Math.round(elapsed());
	await overview.end();
	await stop(build);
	const seen = new Map<string, Seen>();
	const add = ({ rule, level, subject, witnesses, ...finding }: Finding) => {
		const key = `${level} ${rule} ${subject.replace(/\[\d+\]/, '')}`;
		const text = lineText({ rule, level, subject, witnesses, ...finding });
		const known = seen.get(key) ?? { level, text, intervals: 0, witnesses };
		seen.set(key, { ...known, intervals: known.intervals + 1 });
	};
	for (const { findings } of overview.lines) findings.forEach(add);
	const all = [...seen].sort(([, a], [, b]) => b.intervals - a.intervals);
	const severe = all.filter(([, { level }]) => level === 'severe');
	process.stdout.write(
		`beside a build, ${lasted} s: ${overview.lines.length} intervals, ${severe.length} severe lines, ${all.length} lines\n`,
	);
	for (const [key, { intervals, text }] of all)
		process.stdout.write(`${String(intervals).padStart(5)} × ${key}: ${text}\n`);
	for (const [key, { witnesses }] of severe) process.stdout.write(`evidence of ${key}: ${witnesses.join('; ')}\n`);
	if (!write) return;
	const about = severe.map(([key]) => key.replace(/^severe /, ''));
	process.stdout.write(`${writeQuiet({ seconds: lasted, intervals: overview.lines.length, about })}\n`);
}
