/** No trouble, but a machine that works hard: every line is listed, severe ones are false unless somebody made them true. */
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { start, stop } from './postgres.ts';
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

export async function quiet(seconds: number): Promise<void> {
	const build = start(['nice', '-n', '5', 'sh', '-c', BUILD], seconds + 10);
	const overview = watch();
	await sleep(seconds);
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
		`beside a build, ${seconds} s: ${overview.lines.length} intervals, ${severe.length} severe lines, ${all.length} lines\n`,
	);
	for (const [key, { intervals, text }] of all)
		process.stdout.write(`${String(intervals).padStart(5)} × ${key}: ${text}\n`);
	for (const [key, { witnesses }] of severe) process.stdout.write(`evidence of ${key}: ${witnesses.join('; ')}\n`);
}
