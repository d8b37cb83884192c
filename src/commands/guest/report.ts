/** A guest beside its host for people and for programs. */
import { counted, formatDuration, formatNs, formatShare } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { GuestReport, GuestSide } from '../../recording/guest/guest.ts';

/** Rows of the table, where the user does not limit them. */
const ROWS = 20;

export function guestJson(report: GuestReport): string {
	return `${JSON.stringify(report)}\n`;
}

const sideLine = (name: string, { path, host, kernel, cpus, from, to, intervals }: GuestSide): string =>
	`${name}: ${path}: ${host}, kernel ${kernel}, ${cpus} CPUs, ${from} to ${to}, ${counted(intervals, 'interval')}`;

/** What was stolen, in a sentence. */
function stolenLine({ stolen, machine, found, guest, rows, by }: GuestReport): string {
	const { steal_ns, share, waited_share, seconds } = stolen;
	const top = rows.slice(0, 3).map(({ comm, share }) => `${comm} ${formatShare(share)}`);
	const said =
		steal_ns === null
			? 'stolen: not reported by the guest'
			: `stolen: ${formatShare(share ?? 0)} of the guest's ${guest.cpus} CPUs (${formatNs(steal_ns)} in ${formatDuration(seconds)})`;
	if (machine === null) return `${said}; on the host: ${found}`;
	const names = top.length > 0 ? `; meanwhile ran ${top.join(', ')}${by === 'CPU time' ? ' (by CPU time)' : ''}` : '';
	return `${said}; on the host ${machine.comm}[${machine.pid}] waited ${formatShare(waited_share ?? 0)} (${found})${names}`;
}

export function guestTable(report: GuestReport, limit: number): string {
	const shown = report.rows.slice(0, Math.min(limit, ROWS));
	const left = report.rows.length - shown.length;
	return [
		sideLine('host ', report.host),
		sideLine('guest', report.guest),
		`aligned ${report.aligned}`,
		stolenLine(report),
		'',
		`${fitCells('RAN MEANWHILE', 20, 'left')} ${fitCells('WAITED', 10, 'right')} ${fitCells('SHARE', 7, 'right')}  UNIT`,
		...shown.map(({ comm, unit, wait_ns, share }) =>
			`${fitCells(comm, 20, 'left')} ${fitCells(formatNs(wait_ns), 10, 'right')} ${fitCells(formatShare(share), 7, 'right')}  ${unit}`.trimEnd(),
		),
		...(left > 0 ? [`… ${left} more (--limit, --json)`] : []),
		'',
	].join('\n');
}
