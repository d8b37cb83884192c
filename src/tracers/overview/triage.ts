/**
 * A few seconds of overview snapshots as a short report: what is wrong, the evidence, the next command. The text of
 * `wattlag triage`, and of every other place that needs one.
 */
import type { Snapshot } from '../../core/snapshot.ts';
import { formatBytes, formatCount, formatNs, formatRate, formatShare, formatWatts } from '../../lib/format.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { Count } from '../../lib/units.ts';
import { textWidth, truncate, wrapText } from '../../lib/width.ts';
import { type Finding, type Level, type Link, levels, ownerText } from './finding.ts';
import { topNames } from './interval.ts';
import type { OverviewExtra, OverviewRow, Totals } from './snapshot.ts';

type OverviewSnapshot = Snapshot<OverviewRow, OverviewExtra>;

/** A finding of the observed time. */
export interface TriageFinding extends Finding {
	/** ISO 8601: end of the last interval with it; null: it holds at the end. */
	ended: string | null;
	/** The command that shows its figures. */
	next: string;
}

export interface TriageReport {
	host: string;
	/** ISO 8601: end of the observation. */
	time: string;
	/** Observed seconds. */
	seconds: number;
	/** Worst level of the findings; null: none. */
	severity: Level | null;
	/** Worst first, those that hold before those that ended. */
	findings: TriageFinding[];
	checked: string[];
	/** How to get the rights that rules in `unchecked` lack; null: none lacks any. */
	fix: string | null;
	unchecked: OverviewExtra['unchecked'];
	/** The machine in the last interval. */
	totals: Totals | null;
	/** The busiest names of the last interval, most CPU time first, at most 3. */
	busiest: { comm: SafeText; processes: number; cpu_share: number }[];
}

/** Most findings, so that the text stays within {@link MOST_LINES}. */
const MOST = 5;
const MOST_LINES = 20;
const WIDTH = 110;

/** A word of a shell's command line. */
function shellWord(text: string): string {
	return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command line that opens what a finding's key opens. */
export function nextCommand({ tab, filter, sort, group }: Link): string {
	const words = ['wattlag', '--tab', tab];
	if (group !== undefined && group !== 'process') words.push('--group', shellWord(group));
	if (sort !== undefined) words.push('--sort', shellWord(sort));
	if (filter !== '') words.push('--filter', shellWord(filter));
	return words.join(' ');
}

const identity = ({ rule, subject }: Finding): string => `${rule} ${subject}`;

/**
 * @param snapshots of the overview, oldest first
 * @param host name of the machine
 * @param fix how to get missing rights
 */
export function triageOf(
	snapshots: readonly OverviewSnapshot[],
	host: string,
	fix: string | null = null,
): TriageReport {
	const last = snapshots.at(-1);
	const seen = new Map<string, TriageFinding>();
	for (const { findings, time } of snapshots)
		for (const finding of findings)
			seen.set(identity(finding), { ...finding, ended: time, next: nextCommand(finding.link) });
	const held = new Set(last?.findings.map(identity));
	const order = new Map(last?.findings.map((finding, index) => [identity(finding), index]));
	for (const [key, finding] of seen) if (held.has(key)) finding.ended = null;
	const findings = [...seen.values()].sort(
		(a, b) =>
			Number(a.ended !== null) - Number(b.ended !== null) ||
			(order.get(identity(a)) ?? 99) - (order.get(identity(b)) ?? 99) ||
			levels.indexOf(a.level) - levels.indexOf(b.level),
	);
	const severity = levels.find((level) => findings.some((finding) => finding.level === level)) ?? null;
	return {
		host,
		time: last?.time ?? new Date().toISOString(),
		seconds: snapshots.reduce((sum, { dt_ns }) => sum + dt_ns, 0) / 1e9,
		severity,
		findings: findings.slice(0, MOST),
		checked: last?.checked ?? [],
		fix,
		unchecked: last?.unchecked ?? [],
		totals: last?.totals ?? null,
		busiest: topNames(last?.rows ?? [], ({ cpu_ns }) => cpu_ns)
			.slice(0, 3)
			.map(({ comm, processes, sum }) => ({ comm, processes, cpu_share: sum / (last?.dt_ns ?? 1) })),
	};
}

/** A figure by the unit in its name. */
function figureText(name: string, value: number): string {
	const [, words = name, unit = ''] = /^(.*?)(?:_(ns|share|bytes|per_s|watts))?$/.exec(name) ?? [];
	const label = words.replaceAll('_', ' ');
	if (name === 'share') return `share ${formatShare(value)}`;
	switch (unit) {
		case 'ns':
			return `${label} ${formatNs(value)}`;
		case 'share':
			return `${label} ${formatShare(value)}`;
		case 'bytes':
			return `${label} ${formatBytes(value, 'full')}`;
		case 'per_s':
			return `${label} ${formatRate(value)}/s`;
		default:
			return `${label} ${name === 'watts' ? formatWatts(value) : Number.isInteger(value) ? formatCount(value) : value.toFixed(2)}`;
	}
}

const clockOf = (iso: string): string => iso.slice(11, 19);

/** Text lines of a finding where there is room. */
const TEXT_LINES = 4;
const INDENT = ' '.repeat(7);

/** Cells of subject and text that are left beside owner and times: with less than that, these go. */
const SAID = 30;

/** The sentence in at most so many lines; owner and times stay where it is cut, as far as there is room. */
function sentence(finding: TriageFinding, width: number, most: number): string[] {
	const { level, subject, text, since, ended } = finding;
	const owner = ownerText(finding);
	const until = ended === null ? '' : ` until ${clockOf(ended)}`;
	const tail = `${owner === '' ? '' : ` — ${owner}`}, since ${clockOf(since)}${until}`;
	const said = `${truncate(subject, width)}: ${text}`;
	const wrapped = (cells: number, end: string) =>
		wrapText(sanitize(`${level.toUpperCase().padEnd(7)}${truncate(said, cells)}${end}`), width, INDENT);
	const all = textWidth(said);
	let lines = wrapped(all, tail);
	for (let cells = all - 4; lines.length > most && cells >= Math.min(SAID, all); cells -= 4)
		lines = wrapped(cells, tail);
	if (lines.length > most && most === 1) lines = [`${level.toUpperCase().padEnd(7)}${said}`];
	return lines.slice(0, most).map((line) => truncate(line, width));
}

/** With its evidence, or one line and the command only. */
function findingLines(finding: TriageFinding, width: number, short: boolean): string[] {
	const { figures, witnesses, next } = finding;
	const figured = Object.entries(figures).map(([name, value]) => figureText(name, value));
	const evidence = witnesses.length > 0 ? witnesses.join('; ') : figured.join(', ');
	return [
		...sentence(finding, width, short ? 1 : TEXT_LINES),
		...(short || evidence === ''
			? []
			: firstLines(
					wrapText(sanitize(`evidence: ${evidence}`), width - INDENT.length, '  '),
					2,
					width - INDENT.length,
				).map((line) => `${INDENT}${line}`)),
		`${INDENT}next: ${next}`,
	];
}

/** All findings in so many lines: in the order of their weight, with all that is known of them, as far as there is room. */
function allFindingLines(findings: readonly TriageFinding[], width: number, room: number): string[] {
	const short = findings.map((finding) => findingLines(finding, width, true));
	let left = room - short.reduce((sum, { length }) => sum + length, 0);
	return findings.flatMap((finding, index) => {
		const brief = short[index] as string[];
		const full = findingLines(finding, width, false);
		if (full.length - brief.length > left) return brief;
		left -= full.length - brief.length;
		return full;
	});
}

function machineText({ totals, busiest }: TriageReport): string {
	if (!totals) return 'machine: not known';
	const { memory_bytes, memory_available_bytes, swap_used_bytes } = totals;
	const names = busiest.map(
		({ comm, processes, cpu_share }) => `${comm}${processes > 1 ? ` ×${processes}` : ''} ${formatShare(cpu_share)}`,
	);
	return [
		`${totals.cpus ?? '?'} CPUs`,
		...(names.length === 0 ? [] : [`busiest ${names.join(', ')}`]),
		...(memory_bytes === null || memory_available_bytes === null
			? []
			: [
					`memory ${formatBytes(memory_bytes - memory_available_bytes, 'full')} of ${formatBytes(memory_bytes, 'full')} in use`,
				]),
		...((swap_used_bytes ?? 0) > 0 ? [`swap ${formatBytes(swap_used_bytes ?? 0, 'full')}`] : []),
	].join('; ');
}

/** The first lines of a text; a mark where there are more. */
function firstLines(lines: readonly string[], most: number, width: number): string[] {
	return lines
		.slice(0, most)
		.map((line, index) =>
			index === most - 1 && lines.length > most ? `${truncate(line, width - 2)} …` : truncate(line, width),
		);
}

/** At most 20 lines. @param width cells of a line; the next command is never cut */
export function triageText(report: TriageReport, width = WIDTH): string[] {
	const { host, time, seconds, findings, checked, unchecked, fix } = report;
	const head = `wattlag triage: ${sanitize(host)}, ${seconds.toFixed(1)} s until ${time.slice(0, 19)}Z`;
	const reasons = Array.from(
		Map.groupBy(unchecked, ({ reason }) => reason),
		([reason, rules]) => `${rules.map(({ rule }) => rule).join(', ')} (${reason})`,
	);
	const nothing = fix === null ? 'nothing stands out; checked' : 'nothing stands out in the part that could be checked';
	const notes = [
		...(findings.length === 0 ? [`${nothing}: ${checked.join(', ')}`] : []),
		...(reasons.length === 0 ? [] : [`not checked: ${reasons.join('; ')}`]),
		...(fix === null ? [] : [`for all rules, ${fix}`]),
	].flatMap((note) => firstLines(wrapText(sanitize(note), width, '  '), findings.length === 0 ? 5 : 2, width));
	const lines = [truncate(head, width), ...wrapText(sanitize(machineText(report)), width, '  ').slice(0, 2)];
	const room = MOST_LINES - lines.length - notes.length;
	return [...lines, ...allFindingLines(findings, width, room), ...notes].slice(0, MOST_LINES);
}

/** The fields of `wattlag triage --json`. */
export function triageJson(report: TriageReport, exit_code: number): object {
	return { triage: 1, exit_code, ...report };
}

/** The last minutes of the overview, as they come, and the report on them. Of intervals but the last one only the findings are kept. */
export class TriageWindow {
	private readonly limits: { intervals: Count; ms: number };
	private readonly held: OverviewSnapshot[] = [];

	/** @param limits of what is held: ten minutes of seconds, unless a time is given */
	constructor({ intervals, ms }: { intervals?: Count; ms?: number } = {}) {
		const most = ms === undefined ? 600 : Number.POSITIVE_INFINITY;
		this.limits = { intervals: intervals ?? most, ms: ms ?? Number.POSITIVE_INFINITY };
	}

	/** Takes a snapshot of any tab. */
	add(snapshot: Snapshot): void {
		if (snapshot.tab !== 'overview') return;
		const { held, limits } = this;
		const before = held.pop();
		if (before) {
			const { time, dt_ns, findings } = before;
			held.push({ time, dt_ns, findings } as unknown as OverviewSnapshot);
		}
		held.push(snapshot as OverviewSnapshot);
		const oldest = Date.parse(snapshot.time) - limits.ms;
		while (held.length > limits.intervals || Date.parse((held[0] as OverviewSnapshot).time) < oldest) held.shift();
	}

	/** At most 20 lines; empty: the overview was not measured. @param from wall clock, ms: without what is older */
	text(host: string, from = Number.NEGATIVE_INFINITY): string[] {
		const held = this.held.filter(({ time }) => !(Date.parse(time) < from));
		return held.length > 0 ? triageText(triageOf(held, host)) : [];
	}
}
