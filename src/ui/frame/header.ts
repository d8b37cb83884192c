/** Lines at the top: the machine, the tabs, and the banner of a failure. */
import type { WorkerFailure } from '../../history/store.ts';
import { formatDuration } from '../../lib/format.ts';
import type { Ns } from '../../lib/units.ts';
import type { HostInfo } from '../../system/local-host.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { TabEnd } from '../layout/layout.ts';
import { type Piece, statusLine } from '../widgets/line.ts';
import type { SourceBadge } from './source.ts';
import { type TabLine, tabLine } from './tab-line.ts';

export interface HeaderProps {
	host: HostInfo;
	tabs: readonly { id: string; digit: string; title: string; state: 'attaching' | 'live' | 'unavailable' }[];
	active: string;
	source: SourceBadge;
	/** When the figures shown were measured, ISO 8601. */
	time: string | null;
	paused: boolean;
	/** Of figures that are older than the interval explains, s; null: they are not. */
	age: number | null;
	failure: WorkerFailure | null;
	/** Distance of the moment shown from the newest one, ns. */
	behind: Ns;
	/** How far back complete snapshots reach. */
	reach: Ns;
	/** Time of the baseline, ISO 8601; null: none. */
	baseline: string | null;
	/** Requested interval, s. */
	delay: number;
	group: string | null;
	width: number;
	height: number;
}

/** Local time of day. */
export function clock(time: string | null): string {
	const date = time === null ? new Date() : new Date(time);
	const two = (n: number) => String(n).padStart(2, '0');
	return Number.isNaN(date.getTime())
		? ''
		: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function machineLine({ host, source, time, width }: HeaderProps): string {
	const [up, load] = [host.uptime(), host.load()];
	const pieces: Piece[] = [
		{ spans: [['brand', 'wattlag']], drop: 2 },
		{ spans: [['strong', host.host]], drop: 1 },
		{ spans: host.note === undefined ? [] : [['warn', host.note]], drop: 3 },
		{ spans: [['dim', 'kernel '], host.kernel], drop: 7 },
		{ spans: [`${host.cpus}`, ['dim', ' CPU']], drop: 6 },
		{ spans: up >= 0 ? [['dim', 'up '], formatDuration(up)] : [], drop: 8 },
		{
			spans:
				load.length === 0
					? []
					: [
							['dim', 'load '],
							['strong', load.map((one) => one.toFixed(2)).join(' ')],
						],
			drop: 3,
		},
		{ spans: source.full, drop: 5, side: 'right' },
		{ spans: [clock(time)], drop: 4, side: 'right' },
	];
	return statusLine(width, pieces);
}

/** State of the figures: live, paused, past, stale, or missing. */
function badgeOf({ tabs, active, paused, behind, reach, age, failure, time, delay, width }: HeaderProps): Span {
	const state = tabs.find((tab) => tab.id === active)?.state;
	if (paused && behind > 0) {
		const back = formatDuration(Math.round(behind / 1e9));
		const most = formatDuration(Math.round(reach / 1e9));
		return ['alert', width < 60 ? ` ‖ ${clock(time)} -${back} ` : ` PAUSED ${clock(time)}, ${back} back of ${most} `];
	}
	if (paused) return ['alert', ` PAUSED ${clock(time)} `];
	const since = age === null ? '' : ` ${formatDuration(age)}`;
	if (failure && !failure.restarting) return ['bad', `stopped${since}`];
	if (state === 'attaching') return ['warn', 'attaching…'];
	if (state === 'unavailable') return ['bad', 'unavailable'];
	if (age !== null) return ['warn', `stale${since}`];
	return ['good', `● ${Number(delay.toFixed(2))}s`];
}

function tabsOf(props: HeaderProps): TabLine {
	const { tabs, active, baseline, group, source, width, height } = props;
	const names = tabs.map((tab) => ({ ...tab, unavailable: tab.state === 'unavailable' }));
	// the uncertainty of estimates is shown also without the line of the machine
	const error: Span[] = height >= 2 || source.error.length === 0 ? [] : [...source.error, ' '];
	const badge = [...error, badgeOf(props)];
	const marked: Span[] = baseline === null ? [] : [['accent', `Δ ${clock(baseline)}`]];
	return tabLine(names, active, [badge, marked, group === null ? [] : [['dim', 'by '], group]], width);
}

export interface HeaderLines {
	lines: readonly string[];
	tabs: readonly TabEnd[];
}

/** Reads load and uptime. It is called for every frame: at least once per interval. */
export function headerLines(props: HeaderProps): HeaderLines {
	const { line, ends } = tabsOf(props);
	return { lines: props.height >= 2 ? [machineLine(props), line] : [line], tabs: ends };
}

/** The figures shown are no longer renewed. */
export function bannerLine({ message, restarting }: WorkerFailure): string {
	return paint('alert', ` sampling failed, figures are old${restarting ? ', starting again' : ''}: ${message}`);
}
