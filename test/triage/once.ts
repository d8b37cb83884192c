/**
 * A trouble beside its load, and the lines that the overview has for it. Server, load and program stay from run to run: what is
 * waited for between two runs is that the line of the first is gone.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import type { Case } from './cases.ts';
import { type Postgres, stop } from './postgres.ts';
import { type Line, lineText, sleep, type Watch, watch } from './watch.ts';

/** Seconds within which the line has to be there. */
const WITHIN = 10;
/** Seconds of load before the trouble begins: of a load that has just begun, and of one that ran before. */
const SETTLE = 4;
const PAUSE = 1;
/** Seconds in which the line of the run before has to end; the program is started anew where it does not: what happens once is reported for a minute. */
const CLEARS = 4;

export interface Outcome {
	/** Seconds to the right first line; null: not within {@link WITHIN}. */
	after: number | null;
	/** Seconds to the right line, wherever it is. */
	anywhere: number | null;
	text: string;
	/** Severe lines about something else that runs here because of the case. */
	falseSevere: string[];
	/** Lines about programs that are not the case's, which were above. */
	neighbours: string[];
}

/** Names of programs that a case or its load starts, and nothing else here: Node runs beside the cases all the time. */
const OWN = /^(?:postgres|pgbench|psql|yes|dd|python3|java|mkfs|truncate|mount|crossed)/;

/**
 * A line about another program of this machine, which others use: it names an owner or a process that no case starts. The
 * trouble is to be the first of the others.
 */
function isNeighbour({ owner, subject, text }: Finding): boolean {
	if (/wattlag-(?!tri|trouble)/.test(`${subject} ${text}`)) return true;
	if (owner) return !OWN.test(owner.comm);
	const [, comm = ''] = /^(.*?)(?:\[\d+\]| ×\d+)$/.exec(subject) ?? [];
	return comm !== '' && !OWN.test(comm);
}

const identity = ({ rule, subject, owner }: Finding): string => `${rule} ${subject} ${owner?.pid ?? ''}`;

/** The first line that is not a neighbour's. */
function firstOf(findings: readonly Finding[], one: Case): Finding | undefined {
	return findings.find((finding) => one.right(finding) || !isNeighbour(finding));
}

export class Scene {
	private readonly postgres: Postgres;
	private readonly late: boolean;
	private overview: Watch | undefined;
	private load: { words: string; child: ChildProcess } | undefined;
	private before: Case | undefined;

	/** @param late the program starts after the trouble has begun, as an administrator starts it */
	constructor(postgres: Postgres, late = false) {
		this.postgres = postgres;
		this.late = late;
	}

	/** The trouble, once. */
	async make(one: Case): Promise<Outcome> {
		const folder = mkdtempSync(join(process.env['TRIAGE_DIR'] ?? tmpdir(), 'wattlag-trouble-'));
		chmodSync(folder, 0o755);
		let finish = async () => {};
		try {
			await this.prepare(one);
			finish = await one.begin(this.postgres, folder);
			if (this.late) {
				await sleep(SETTLE);
				await this.watching();
			}
			return await this.judge(one, performance.now());
		} finally {
			await finish();
			this.before = one;
			rmSync(folder, { recursive: true, force: true });
			if (this.late) await this.endWatch();
		}
	}

	async close(): Promise<void> {
		await this.endWatch();
		if (this.load) await stop(this.load.child);
	}

	private async watching(): Promise<Watch> {
		if (!this.overview || this.overview.over) {
			this.overview = watch();
			await this.overview.ready;
		}
		return this.overview;
	}

	private async endWatch(): Promise<void> {
		await this.overview?.end();
		this.overview = undefined;
	}

	private async prepare(one: Case): Promise<void> {
		const fresh = await this.loaded(one.load);
		if (this.late) return sleep(fresh ? SETTLE : PAUSE);
		const overview = await this.watching();
		await sleep(fresh ? SETTLE : PAUSE);
		for (let waited = 0; waited < CLEARS && !overview.over && !this.isClear(overview, one); waited += 0.2)
			await sleep(0.2);
		if (this.isClear(overview, one)) return;
		await this.endWatch();
		await this.watching();
		await sleep(PAUSE);
	}

	/** Is the last line without those of this case, and of the one before? */
	private isClear({ lines, over }: Watch, one: Case): boolean {
		const last = lines.at(-1);
		if (!last || over) return false;
		return !last.findings.some((finding) => one.right(finding) || this.before?.right(finding));
	}

	/** Returns whether the load has just begun. */
	private async loaded(options: readonly string[]): Promise<boolean> {
		const words = options.join(' ');
		const runs = this.load && this.load.child.exitCode === null && this.load.child.signalCode === null;
		if (runs && this.load?.words === words) return false;
		if (this.load) await stop(this.load.child);
		this.load = options.length > 0 ? { words, child: this.postgres.pgbench(...options) } : undefined;
		return this.load !== undefined;
	}

	private async judge(all: Case, begun: number): Promise<Outcome> {
		const overview = await this.watching();
		// a line that was there before the trouble is not about it
		const stale = new Set(
			overview.lines
				.findLast(({ at }) => at < begun)
				?.findings.filter(all.right)
				.map(identity),
		);
		const one: Case = { ...all, right: (finding) => all.right(finding) && !stale.has(identity(finding)) };
		const since = (test: (findings: Finding[]) => boolean): Line | undefined =>
			overview.lines.find(({ at, findings }) => at >= begun && test(findings));
		const right = () =>
			since((findings) => {
				const first = firstOf(findings, one);
				return first !== undefined && one.right(first);
			});
		while (performance.now() - begun < WITHIN * 1000 + 500 && !right()) await sleep(0.1);
		const found = right();
		const anywhere = since((findings) => findings.some(one.right));
		const { findings = [] } = found ?? overview.lines.at(-1) ?? {};
		const first = firstOf(findings, one);
		const above = findings.slice(0, first ? findings.indexOf(first) : undefined);
		const seen = overview.lines.filter(({ at }) => at >= begun);
		return {
			after: found ? (found.at - begun) / 1000 : null,
			anywhere: anywhere ? (anywhere.at - begun) / 1000 : null,
			text: first ? lineText(first) : 'nothing stands out',
			falseSevere: seen.flatMap((line) =>
				line.findings
					.filter((finding) => finding.level === 'severe' && !one.right(finding) && !one.allowed?.(finding))
					.filter((finding) => !isNeighbour(finding) && !this.before?.right(finding))
					.map(({ rule, subject }) => `${rule} ${subject}`),
			),
			neighbours: above.map(lineText),
		};
	}
}
