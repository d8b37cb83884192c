/** One trouble, made once beside its load, and the lines that the overview has for it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { seconds as sleep } from '../truth/host.ts';
import type { Case } from './cases.ts';
import { type Postgres, stop } from './postgres.ts';
import { type Line, lineText, watch } from './watch.ts';

/** Seconds within which the line has to be there. */
const WITHIN = 10;
/** Seconds of load before the trouble begins. */
const SETTLE = 4;

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

/** Names of programs that a case or its load starts, and nobody else here: Node runs beside the cases all the time. */
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

/** The first line that is not a neighbour's. */
function firstOf(findings: readonly Finding[], one: Case): Finding | undefined {
	return findings.find((finding) => one.right(finding) || !isNeighbour(finding));
}

export async function makeTrouble(one: Case, postgres: Postgres): Promise<Outcome> {
	const folder = mkdtempSync(join(process.env['TRIAGE_DIR'] ?? tmpdir(), 'wattlag-trouble-'));
	chmodSync(folder, 0o755);
	const load = one.load.length > 0 ? postgres.pgbench(...one.load) : undefined;
	const overview = watch();
	let finish = async () => {};
	try {
		await overview.ready;
		await sleep(SETTLE);
		finish = await one.begin(postgres, folder);
		const begun = performance.now();
		const since = (test: (findings: Finding[]) => boolean): Line | undefined =>
			overview.lines.find(({ at, findings }) => at >= begun && test(findings));
		const right = () =>
			since((findings) => {
				const first = firstOf(findings, one);
				return first !== undefined && one.right(first);
			});
		while (performance.now() - begun < WITHIN * 1000 + 500 && !right()) await sleep(0.2);
		const found = right();
		const anywhere = since((findings) => findings.some(one.right));
		const { findings = [] } = found ?? overview.lines.at(-1) ?? {};
		const first = firstOf(findings, one);
		const above = findings.slice(0, first ? findings.indexOf(first) : undefined);
		return {
			after: found ? (found.at - begun) / 1000 : null,
			anywhere: anywhere ? (anywhere.at - begun) / 1000 : null,
			text: first ? lineText(first) : 'nothing stands out',
			falseSevere: overview.lines.flatMap((line) =>
				line.findings
					.filter((finding) => finding.level === 'severe' && !one.right(finding) && !one.allowed?.(finding))
					.filter((finding) => !isNeighbour(finding))
					.map(({ rule, subject }) => `${rule} ${subject}`),
			),
			neighbours: above.map(lineText),
		};
	} finally {
		await overview.end();
		await finish();
		if (load) await stop(load);
		rmSync(folder, { recursive: true, force: true });
		await sleep(1.5);
	}
}
