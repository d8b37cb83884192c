/** Processes that stand still as families: of one name and parent, for the same reason, with the one that they wait for. */
import { safe } from '../../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../../lib/units.ts';
import type { CommandLines } from '../../../../system/command-lines.ts';
import type { ProcessNow } from '../walk.ts';
import { push } from './ends.ts';
import type { Party, Standstill, Still } from './standstill.ts';
import { HELPER, IN_TRANSACTION } from './titles.ts';
import type { Moment, Waits } from './waits.ts';

/** Last runs so close to each other belong together, ns. */
const TOGETHER: Ns = 25e7;

export class Families {
	private readonly waits: Waits;
	private readonly titles: CommandLines;

	constructor(waits: Waits, titles: CommandLines) {
		this.waits = waits;
		this.titles = titles;
	}

	/** Of all that stand still, with the pid of each one's parent. */
	of(stills: readonly { still: Still; parent: number }[], moment: Moment): Standstill[] {
		const { processes } = moment;
		const groups = new Map<string, Still[]>();
		const helped = new Set<number>();
		const parents = new Set(stills.map(({ parent }) => parent));
		// titles change: they are read anew
		this.titles.begin(4e6);
		const family = [...processes.values()].filter(({ parent }) => parents.has(parent));
		for (const { pid, start, comm } of family) {
			const leader = Number(HELPER.exec(this.titles.of({ pid, start }, comm))?.[1] ?? 0);
			if (leader > 0) helped.add(leader);
		}
		for (const { still, parent } of stills)
			if (!helped.has(still.pid))
				push(groups, `${parent} ${still.comm} ${still.reason} ${still.behind?.pid ?? ''}`, still);
		return [...groups.values()].map((found) => {
			const still = found.sort((a, b) => b.asleep_ns - a.asleep_ns) as [Still, ...Still[]];
			const [first] = still;
			const parent = processes.get(first.pid)?.parent;
			const kin = family.filter((one) => one.comm === first.comm && one.parent === parent);
			const known = first.behind ? { party: first.behind, others: 0 } : this.suspect(still, kin, moment);
			return {
				comm: first.comm,
				parent: parent ?? 0,
				still,
				family: kin.length,
				behind: known?.party ?? null,
				others: known?.others ?? 0,
			};
		});
	}

	/**
	 * Of a family whose members wait for an event of another one: the member that ran last when they stopped, that says that it
	 * is in a transaction, and that waits for its client. Two of these are needed.
	 */
	private suspect(
		still: readonly [Still, ...Still[]],
		kin: readonly ProcessNow[],
		moment: Moment,
	): { party: Party; others: Count } | null {
		if (!still.some(({ forEvent }) => forEvent)) return null;
		const { ends } = moment;
		const stopped = new Set(still.map(({ pid }) => pid));
		const [first] = still;
		const found: { party: Party; evidence: Count }[] = [];
		for (const process of kin) {
			if (stopped.has(process.pid)) continue;
			const served = ends.of(process.pid).some((channel) => ends.serves(channel));
			if (!served) continue;
			const party = this.waits.party(process, [], moment);
			const by = [
				...(IN_TRANSACTION.test(party.title) ? [safe`its title says that it is in a transaction`] : []),
				...(Math.abs(party.asleep_ns - first.asleep_ns) < TOGETHER ? [safe`it last ran when they stopped`] : []),
				...(party.client ? [safe`it waits for its own client`] : []),
			];
			if (by.length >= 2) found.push({ party: { ...party, by }, evidence: by.length });
		}
		found.sort((a, b) => b.evidence - a.evidence || b.party.asleep_ns - a.party.asleep_ns);
		const [best] = found;
		if (!best) return null;
		return { party: best.party, others: found.filter(({ evidence }) => evidence === best.evidence).length - 1 };
	}
}
