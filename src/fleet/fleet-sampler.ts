/** Refreshes the rows of a fleet and hands them over as snapshots. One refresh at a time, whatever the server does. */
import type { Sampler, SamplerEvent } from '../core/sampler.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { monotonicNs } from '../lib/clock.ts';
import { safe, sanitize } from '../lib/sanitize.ts';
import { grouped } from './groups.ts';
import { judged } from './outliers.ts';
import type { FleetRow } from './rows.ts';
import type { FleetExtra } from './tracer.ts';

export interface FleetSource {
	/** One refresh. Rejects with one line. */
	rows(signal?: AbortSignal): Promise<FleetRow[]>;
	close(): void | Promise<void>;
}

export interface FleetOptions {
	source: FleetSource;
	/** For the heading. */
	engine: string;
	/** Label of peers. */
	peers: string;
	/** Seconds between two refreshes. */
	delay: number;
	group?: string;
}

export class FleetSampler implements Sampler {
	private readonly options: FleetOptions;
	private readonly listeners = new Set<(event: SamplerEvent) => void>();
	private readonly stop = new AbortController();
	private delay: number;
	private group: string;
	private timer: NodeJS.Timeout | undefined;
	private rows: readonly FleetRow[] = [];
	private at = monotonicNs();
	private refreshing = false;

	constructor(options: FleetOptions) {
		this.options = options;
		this.delay = options.delay;
		this.group = options.group ?? 'host';
		this.timer = setTimeout(() => void this.refresh(), 0);
	}

	subscribe(listener: (event: SamplerEvent) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	setInterval(seconds: number): void {
		this.delay = seconds;
		this.schedule();
	}

	setGroup(_tab: string, group: string): void {
		this.group = group;
		this.emit(0, '');
	}

	async close(): Promise<void> {
		this.stop.abort();
		clearTimeout(this.timer);
		await this.options.source.close();
	}

	private schedule(): void {
		clearTimeout(this.timer);
		if (!this.stop.signal.aborted && !this.refreshing)
			this.timer = setTimeout(() => void this.refresh(), this.delay * 1000);
	}

	private async refresh(): Promise<void> {
		this.refreshing = true;
		const started = performance.now();
		try {
			this.rows = judged(await this.options.source.rows(this.stop.signal), this.options.peers);
			this.emit(performance.now() - started, '');
		} catch (error) {
			// the rows of before stay, with their ages
			if (!this.stop.signal.aborted) this.emit(null, (error as Error).message);
		}
		this.refreshing = false;
		this.schedule();
	}

	private emit(refresh_ms: number | null, error: string): void {
		const now = monotonicNs();
		const rows = this.group === 'host' ? this.rows : grouped(this.rows, this.group);
		const { engine, peers } = this.options;
		const snapshot: Snapshot<FleetRow, FleetExtra> = {
			schema: 1,
			tab: 'fleet',
			time: new Date().toISOString(),
			mono_ns: now,
			dt_ns: Math.max(1, now - this.at),
			group: this.group,
			source: { kind: 'fleet', description: `hosts by ${sanitize(engine)}`, uncertainty: 'as on each host', hooks: [] },
			lost: {},
			cost: {
				bpf_ns: 0,
				bpf_runs: 0,
				bpf_measured_ns: 0,
				bpf_price_age_ns: null,
				bpf_uncertainty: null,
				cpu_ns: 0,
				rss_bytes: process.memoryUsage.rss(),
				kernel_bytes: 0,
			},
			engine: sanitize(engine),
			peers: sanitize(peers),
			refresh_ms: refresh_ms === null ? null : Math.round(refresh_ms),
			error: sanitize(error),
			hosts: this.rows.length,
			down: this.rows.filter(({ up }) => !up).length,
			rows,
		};
		this.at = now;
		for (const listener of this.listeners) listener({ kind: 'snapshot', snapshot: snapshot as unknown as Snapshot });
		if (error !== '' && this.rows.length === 0) {
			const [reason, fix] = [sanitize(error), safe`tried again with each refresh`];
			for (const listener of this.listeners)
				listener({ kind: 'unavailable', tab: 'fleet', reason, fix, retry_s: this.delay });
		}
	}
}
