/** The tab that the program opens on: what stands out and why, the machine in one line, and who does what. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { secondsOf } from '../../derive.ts';
import { formatBytes, formatNs, formatRate, formatShare, formatWatts } from '../../format.ts';
import { safe } from '../../sanitize.ts';
import { textWidth } from '../../term/width.ts';
import type { Finding, Level } from '../../triage/finding.ts';
import type { OverviewExtra } from '../../triage/overview.ts';
import { type Resource, resources } from '../../triage/pressure.ts';
import type { OverviewRow } from '../../triage/rows.ts';
import { rules } from '../../triage/rules.ts';
import { clock } from '../frame/header.tsx';
import { keysOf } from '../keymap.ts';
import type { TabProps, TabView } from '../tab.ts';
import type { Role, Span } from '../theme.ts';
import { bar } from '../widgets/histogram.tsx';
import { lineOf, type Piece, statusLine, widthOf } from '../widgets/line.ts';
import { Lines } from '../widgets/lines.tsx';
import { Notice } from '../widgets/notice.tsx';
import { Table } from '../widgets/table.tsx';

type Props = TabProps<OverviewRow, OverviewExtra>;

const colours: Record<Level, Role> = { severe: 'bad', high: 'warn', notice: 'accent' };

/** Lines for the findings out of `height`: the table keeps most of a small screen. */
function whyRows(height: number): number {
	return height < 12 ? Math.max(0, height - 6) : height < 18 ? 4 : height < 30 ? 6 : 10;
}

function ownerText({ owner }: Finding): string {
	if (!owner) return '';
	const { role, pid, comm, processes } = owner;
	return safe`${role} ${comm}${processes > 1 ? safe` ×${processes}` : pid > 0 ? safe`[${pid}]` : safe``}`;
}

/** `A vda: 78% of slow reads wait in the device — from postgres[812], since 14:02:10` */
function fullSpans(finding: Finding, key: string): Span[] {
	const owner = ownerText(finding);
	return [
		['strong', key],
		' ',
		[colours[finding.level], `${finding.subject}:`],
		// commas stay with the word before them where the line is broken
		...(owner === '' ? [` ${finding.text},`] : ([` ${finding.text} — `, ['strong', `${owner},`]] as Span[])),
		['dim', ` since ${clock(finding.since)}`],
	];
}

/** One line has room for less: who comes before how much. `A vda (from postgres[812]): 78% of slow reads wait…` */
function shortSpans(finding: Finding, key: string): Span[] {
	const owner = ownerText(finding);
	return [
		['strong', key],
		' ',
		[colours[finding.level], finding.subject],
		...(owner === '' ? [] : ([' (', ['strong', owner], ')'] as Span[])),
		`: ${finding.text}`,
	];
}

/** Break at spaces into lines of at most `width` cells, those after the first indented by two. */
export function wrapSpans(spans: readonly Span[], width: number): Span[][] {
	const lines: Span[][] = [[]];
	let used = 0;
	for (const part of spans) {
		const [role, text] = typeof part === 'string' ? (['plain', part] as const) : part;
		for (const word of text.split(/(?<= )/)) {
			const cells = textWidth(word.trimEnd());
			if (used + cells > width && used > 2) {
				lines.push(['  ']);
				used = 2;
			}
			// the blank behind the last word of a line has no room
			lines.at(-1)?.push([role, used + textWidth(word) > width ? word.trimEnd() : word]);
			used += textWidth(word);
		}
	}
	return lines;
}

/** As many findings as there are lines for; those that do not fit on one get a second one while there are any left. */
export function findingLines(
	findings: readonly Finding[],
	keys: readonly string[],
	width: number,
	rows: number,
): Span[][] {
	const shown = findings.slice(0, rows);
	let spare = rows - shown.length;
	return shown.flatMap((finding, index) => {
		const key = keys[index] ?? '·';
		const full = fullSpans(finding, key);
		if (widthOf(full) <= width) return [full];
		const wrapped = wrapSpans(full, width);
		if (wrapped.length - 1 > spare) return [shortSpans(finding, key)];
		spare -= wrapped.length - 1;
		return wrapped;
	});
}

const titles = new Map(rules.map(({ id, title }) => [id, title]));

const titleOf = (rule: string): string => titles.get(rule) ?? rule;

/** What was looked at, so that silence means something; what could not be, first. */
function quietSpans({ checked, unchecked }: OverviewExtra): Span[] {
	const reasons = new Map<string, string[]>();
	for (const { rule, reason } of unchecked) reasons.set(reason, [...(reasons.get(reason) ?? []), titleOf(rule)]);
	const missing = [...reasons].map(([reason, names]) => `${names.join(', ')} (${reason})`);
	return [
		['good', 'nothing stands out'],
		...(missing.length === 0 ? [] : ([['warn', `; not checked: ${missing.join('; ')}`]] as Span[])),
		['dim', `; checked: ${checked.map(titleOf).join(', ')}`],
	];
}

export function whyLines(extra: OverviewExtra, keys: readonly string[], width: number, rows: number): string[] {
	const lines =
		extra.findings.length > 0
			? findingLines(extra.findings, keys, width, rows)
			: wrapSpans(quietSpans(extra), width).slice(0, Math.min(rows, 3));
	return lines.map((spans) => lineOf(width, spans));
}

const resourceNames: Record<Resource, string> = { cpu: 'cpu', memory: 'mem', io: 'io', irq: 'irq' };

/** The machine in one line. */
export function metersLine({ totals, pressure }: OverviewExtra, dt_ns: number, width: number): string {
	const { cpus, busy_ns, watts, wait_ns, wait_p99_ns, irq_ns, io_count, io_bytes } = totals;
	const busy = busy_ns === null ? Number.NaN : busy_ns / (dt_ns * cpus);
	const tone: Role = busy >= 0.9 ? 'bad' : busy >= 0.7 ? 'warn' : 'good';
	const cells = width >= 120 ? 16 : 6;
	const meter = bar(Math.min(1, busy), cells);
	const seconds = dt_ns / 1e9;
	const stalls = resources.flatMap((resource): Span[] => {
		const stall = pressure?.[resource];
		if (!stall) return [];
		// the kernel tells of interrupts only whether they held up all
		const share = Math.min(1, (resource === 'irq' ? stall.full_ns : stall.some_ns) / dt_ns);
		return [
			['dim', ` ${resourceNames[resource]} `],
			[share >= 0.1 ? 'warn' : 'plain', formatShare(share)],
		];
	});
	const pieces: Piece[] = [
		{
			spans: [['dim', 'CPU '], [tone, meter], ['dim', '·'.repeat(cells - textWidth(meter))], ` ${formatShare(busy)}`],
			drop: 0,
		},
		{ spans: [['dim', stalls.length > 0 ? 'PSI' : 'PSI –'], ...stalls], drop: 1 },
		{ spans: watts === null ? [] : [['strong', formatWatts(watts)]], drop: 2 },
		{
			spans:
				wait_ns === null
					? []
					: [
							['dim', 'wait '],
							formatNs(wait_ns),
							...(wait_p99_ns === null ? [] : ([['dim', ' p99 '], formatNs(wait_p99_ns)] as Span[])),
						],
			drop: 3,
		},
		{ spans: irq_ns === null ? [] : [['dim', 'irq '], formatShare(irq_ns / dt_ns)], drop: 4 },
		{
			spans:
				io_count === null
					? []
					: [['dim', 'IO '], `${formatRate(io_count / seconds)}/s ${formatBytes((io_bytes ?? 0) / seconds)}/s`],
			drop: 5,
		},
	];
	return statusLine(width, pieces);
}

function View(props: Props): ReactElement {
	const { snapshot, rows, columns, sort, selected, baseline, keymap, width, height } = props;
	const head = useMemo(() => {
		const why = whyLines(snapshot, keysOf(keymap, 'finding'), width, whyRows(height));
		return height < 8 ? why : [...why, metersLine(snapshot, snapshot.dt_ns, width)];
	}, [snapshot, keymap, width, height]);
	const rest = height - head.length;
	props.page.current = Math.max(1, rest - 1);
	return (
		<Box flexDirection="column">
			<Lines lines={head} width={width} height={head.length} />
			{rows.length > 0 ? (
				<Table
					columns={columns}
					rows={rows}
					sort={sort}
					selected={selected}
					seconds={secondsOf(snapshot)}
					baseline={baseline}
					x={0}
					y={head.length}
					width={width}
					height={rest}
				/>
			) : (
				<Notice
					tone="dim"
					title={props.filtered ? 'no row matches the filter; Esc clears it' : 'nobody did anything in this interval'}
					text={[]}
					width={width}
					height={rest}
				/>
			)}
		</Box>
	);
}

export const overviewTab: TabView<OverviewRow, OverviewExtra> = {
	View,
	links: ({ findings }) => findings.map(({ link }) => link),
};
