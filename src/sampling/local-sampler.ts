/** The sampling loop in the calling thread, for programs without a screen: no second engine, and no copy of any snapshot. */
import type { Sampler, SamplerEvent } from '../core/sampler.ts';
import type { Options } from '../core/tracer.ts';
import { releaseMemoryRegularly } from './release-memory.ts';
import { Sampling, type SamplingOptions } from './sampling.ts';

export class LocalSampler implements Sampler {
	private readonly sampling: Sampling;
	private readonly listeners = new Set<(event: SamplerEvent) => void>();
	private readonly endReleases: () => void;

	constructor(options: Omit<SamplingOptions, 'emit'>) {
		this.sampling = new Sampling({
			...options,
			emit: (event) => {
				for (const listener of this.listeners) listener(event);
			},
		});
		// after its maker has subscribed
		setImmediate(() => void this.sampling.start());
		this.endReleases = releaseMemoryRegularly(options.host.addon);
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
		this.endReleases();
		this.sampling.close();
	}
}
