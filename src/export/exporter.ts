/** The figures of the last complete tick in each format; made when the first reader asks, and once for all of them. */
import type { Resource } from '@opentelemetry/resources';
import type { SamplerEvent } from '../core/sampler.ts';
import { Mapping, type MappingOptions } from './mapping.ts';
import { OPENMETRICS, openMetrics } from './openmetrics.ts';
import { resourceOf } from './otel.ts';
import { prometheusText, TEXT } from './text.ts';
import { Ticks } from './ticks.ts';

/** A client that accepts anything gets the first one. */
export const FORMATS = [TEXT, OPENMETRICS] as const;
export type Format = (typeof FORMATS)[number];

/** Takes the events of a sampler; texts of the last complete tick are made on demand. */
export class Exporter {
	readonly mapping: Mapping;
	readonly resource: Resource;
	private readonly options: MappingOptions;
	private readonly ticks: Ticks;
	private readonly made = new Map<Format, string>();
	private readonly listeners: ((events: readonly SamplerEvent[]) => void)[] = [];

	constructor(options: MappingOptions) {
		this.options = options;
		this.mapping = new Mapping(options);
		this.resource = resourceOf(options);
		this.ticks = new Ticks('overview', (events) => {
			for (const event of events) this.mapping.apply(event);
			this.made.clear();
			for (const listener of this.listeners) listener(events);
		});
	}

	/** Events of a sampler. */
	get apply(): (event: SamplerEvent) => void {
		return this.ticks.apply;
	}

	/** Called with the events of each complete tick. */
	onTick(listener: (events: readonly SamplerEvent[]) => void): void {
		this.listeners.push(listener);
	}

	/** A figure beside those of snapshots has changed. */
	changed(): void {
		this.made.clear();
	}

	text(format: Format): string {
		let text = this.made.get(format);
		if (text === undefined) {
			const families = this.mapping.series.all();
			const { resource } = this;
			const { version, now = Date.now } = this.options;
			text =
				format === OPENMETRICS ? openMetrics(families) : prometheusText(families, { resource, version, at: now() });
			this.made.set(format, text);
		}
		return text;
	}
}
