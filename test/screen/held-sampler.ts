/** FIXTURE: a sampler with a past of made-up snapshots, and no future: made and packed once for all screens that want the same. */
import type { Sampler, SamplerEvent } from '../../src/core/sampler.ts';
import { decode, encode } from '../../src/history/archive.ts';
import { FixtureSampler, type FixtureSamplerOptions } from '../ui/fixtures/sampler.ts';

type Listener = (event: SamplerEvent) => void;

/** A sampler that has reported all its snapshots, and its events. */
async function told(options: FixtureSamplerOptions): Promise<{ sampler: FixtureSampler; events: SamplerEvent[] }> {
	const sampler = new FixtureSampler({ ...options, attachMs: 0, hold: true });
	const events: SamplerEvent[] = [];
	const unsubscribe = sampler.subscribe((event) => events.push(event));
	// it attaches by a timer, which is older than this one
	await new Promise((resolve) => setTimeout(resolve, 1));
	unsubscribe();
	return { sampler, events };
}

/** As it comes from the sampling thread. */
function received(event: SamplerEvent): SamplerEvent {
	if (event.kind !== 'snapshot') return event;
	const sent = encode(event.snapshot);
	return { kind: 'snapshot', snapshot: decode(sent), packed: sent.packed };
}

const pasts = new Map<string, Promise<SamplerEvent[]>>();

function pastOf(options: FixtureSamplerOptions): Promise<SamplerEvent[]> {
	const key = JSON.stringify(options);
	const known = pasts.get(key) ?? told(options).then(({ events }) => events.map(received));
	pasts.set(key, known);
	return known;
}

export class HeldSampler implements Sampler {
	private readonly options: FixtureSamplerOptions;
	private readonly listeners = new Set<Listener>();
	/** It samples the last tick anew in other groups: one for this screen, since what it has found so far is its state. */
	private live: Promise<FixtureSampler> | undefined;

	constructor(options: FixtureSamplerOptions) {
		this.options = options;
		void pastOf(options).then((events) => {
			for (const event of events) this.emit(event);
		});
	}

	subscribe(listener: Listener): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	/** As one that measures has it; what is tuned has no fixture. */
	tune(): void {}

	setInterval(): void {}

	setGroup(tab: string, group: string): void {
		this.live ??= told(this.options).then(({ sampler }) => {
			sampler.subscribe((event) => this.emit(event));
			return sampler;
		});
		void this.live.then((sampler) => sampler.setGroup(tab, group));
	}

	close(): void {
		this.listeners.clear();
	}

	private emit(event: SamplerEvent): void {
		for (const listener of this.listeners) listener(event);
	}
}
