/** The sampling loop in the calling thread, for programs without a screen: no second engine, and no copy of any snapshot. */
import type { Sampler, SamplerEvent } from '../core/sampler.ts';
import type { Options } from '../core/tracer.ts';
import { Sampling, type SamplingOptions } from './sampling.ts';

/** Memory is released after everything is loaded and has run once, and after most compilation; seconds. */
const RELEASES = [2, 10, 30];
/** And from then on, ms: what lies free between blocks in use stays resident otherwise (serve after 30 s: 97 before, 71 MB after). */
const RELEASE_EVERY = 60_000;

export class LocalSampler implements Sampler {
	private readonly sampling: Sampling;
	private readonly listeners = new Set<(event: SamplerEvent) => void>();
	private readonly timers: NodeJS.Timeout[];

	constructor(options: Omit<SamplingOptions, 'emit'>) {
		this.sampling = new Sampling({
			...options,
			emit: (event) => {
				for (const listener of this.listeners) listener(event);
			},
		});
		// after whoever made this has subscribed
		setImmediate(() => void this.sampling.start());
		const release = () => {
			try {
				options.host.addon.releaseMemory();
			} catch {
				// without the addon: reported by the tabs that need it
			}
		};
		this.timers = [
			...RELEASES.map((seconds) => setTimeout(release, seconds * 1000).unref()),
			setInterval(release, RELEASE_EVERY).unref(),
		];
	}

	subscribe(listener: (event: SamplerEvent) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	setInterval(seconds: number): void {
		this.sampling.setDelay(seconds);
	}

	setGroup(tab: string, group: string): void {
		this.sampling.setGroup(tab, group);
	}

	tune(tab: string, changes: Options): void {
		this.sampling.tune(tab, changes);
	}

	setActiveTab(tab: string): void {
		this.sampling.setActiveTab(tab);
	}

	close(): void {
		for (const timer of this.timers) clearTimeout(timer);
		this.sampling.close();
	}
}
