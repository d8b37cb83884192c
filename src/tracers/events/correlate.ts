/** What became of the segment that TCP sends again: drops of its connection on this machine. */
import { safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { EventRecord, LinkState } from './snapshot.ts';

/** A loss shows as a retransmit within this time: the timer of TCP starts at 1 s and doubles. */
const WINDOW: Ns = 2e9;
/** Most drops that are remembered. */
const MOST = 2000;

type Lost = NonNullable<EventRecord['lost_at']>;

const connectionOf = ({ source, destination }: EventRecord): string | undefined =>
	source && destination ? `${source.address} ${source.port} ${destination.address} ${destination.port}` : undefined;

/** The answer to a segment goes the other way: an acknowledgement that is lost makes the sender repeat, too. */
const reverseOf = ({ source, destination }: EventRecord): string | undefined =>
	source && destination ? `${destination.address} ${destination.port} ${source.address} ${source.port}` : undefined;

/**
 * Namespaces may have the same addresses. A segment that crosses to another one of this machine, a container's, keeps its
 * sequence number.
 */
function isOf(drop: EventRecord, again: EventRecord, own: string): boolean {
	if (drop.netns === again.netns) return connectionOf(drop) === own || reverseOf(drop) === own;
	const seq = again.figures['seq'];
	return seq !== undefined && seq > 0 && drop.figures['seq'] === seq && connectionOf(drop) === own;
}

/** Devices drop packets before the kernel has seen them: no record names their connection. */
export function droppedByDevices(links: readonly LinkState[]): boolean {
	return links.some(({ dropped_hardware, dropped_driver }) => dropped_hardware + dropped_driver > 0);
}

/** Drops of the last seconds, and whether any may be missing among them. */
export class Correlation {
	private drops: EventRecord[] = [];
	/** End of the last interval in which drops had no record. */
	private gapAt: Ns = Number.NEGATIVE_INFINITY;
	private readonly started: Ns;

	constructor(started: Ns) {
		this.started = started;
	}

	/**
	 * Give every retransmit among the records its verdict.
	 * @param unseen drops had no record in this interval: a loss that is not found is `not-known`
	 */
	join(records: EventRecord[], unseen: boolean, now: Ns): void {
		if (unseen) this.gapAt = now;
		for (const record of records) if (record.kind === 'drop' && record.protocol === 'tcp') this.drops.push(record);
		for (const record of records) if (record.kind === 'retransmit') record.lost_at = this.lostAt(record);
		this.drops = this.drops.filter(({ mono_ns }) => mono_ns >= now - 2 * WINDOW).slice(-MOST);
	}

	private lostAt(record: EventRecord): Lost {
		const own = connectionOf(record);
		const since = record.mono_ns - WINDOW;
		if (own !== undefined) {
			for (let index = this.drops.length - 1; index >= 0; index--) {
				const drop = this.drops[index] as EventRecord;
				if (drop.mono_ns > record.mono_ns || drop.mono_ns < since) continue;
				if (isOf(drop, record, own)) return { verdict: 'here', reason: drop.reason, location: drop.location };
			}
		}
		const known = own !== undefined && this.gapAt < since && this.started <= since;
		return { verdict: known ? 'elsewhere' : 'not-known', reason: safe``, location: safe`` };
	}
}
