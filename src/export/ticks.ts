/** Hands over the snapshots of one tick together, so that a scrape never finds half of one. */
import type { SamplerEvent } from '../core/sampler.ts';

export class Ticks {
	private readonly take: (events: readonly SamplerEvent[]) => void;
	private readonly last: string;
	private pending: SamplerEvent[] = [];

	/** @param last tab that is read last in a tick; without it a tick ends where a tab comes again */
	constructor(last: string, take: (events: readonly SamplerEvent[]) => void) {
		this.last = last;
		this.take = take;
	}

	readonly apply = (event: SamplerEvent): void => {
		if (event.kind !== 'snapshot') {
			this.flush();
			this.take([event]);
			return;
		}
		const { tab } = event.snapshot;
		if (this.pending.some((one) => one.kind === 'snapshot' && one.snapshot.tab === tab)) this.flush();
		this.pending.push(event);
		if (tab === this.last) this.flush();
	};

	private flush(): void {
		const events = this.pending;
		this.pending = [];
		if (events.length > 0) this.take(events);
	}
}
