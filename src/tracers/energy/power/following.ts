/**
 * Power from the best source that delivers. One that has stopped to (a meter with an error value, a battery on mains) gives
 * way to the next, with the reason, and is tried again.
 */
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { Candidate, ProbedSources } from '../sources/candidates.ts';
import type { EnergySource } from '../sources/source.ts';
import type { Power, PowerReading } from './power.ts';

/** A source that has delivered nothing for so long gives way. */
const PATIENCE: Ns = 3e9;
/** Shorter intervals than a third of that: so many of them at least. */
const LEAST_READS = 3;
/** After so long it is tried again. */
const AGAIN: Ns = 10e9;

type Kind = EnergySource['kind'];

export interface FollowingOptions {
	/** Find a source, `without` those that do not deliver and why. The caller of {@link FollowingPower} gives the first one. */
	probe(without: ReadonlyMap<Kind, string>): ProbedSources;
	open(probed: ProbedSources): Power;
}

export class FollowingPower implements Power {
	private readonly options: FollowingOptions;
	private probed: ProbedSources;
	private power: Power;
	private silent: Ns = 0;
	private silentReads = 0;
	/** Sources that do not deliver. */
	private readonly failed = new Map<Kind, { reason: string; since: Ns }>();
	/** One of them, read beside the one in use for an interval. */
	private trial: EnergySource | undefined;

	constructor(first: ProbedSources, options: FollowingOptions) {
		this.options = options;
		this.probed = first;
		this.power = options.open(first);
	}

	get kind(): string {
		return this.power.kind;
	}
	get description(): string {
		return this.power.description;
	}
	get scope(): SafeText {
		return this.power.scope;
	}
	get hooks(): readonly string[] {
		return this.power.hooks;
	}
	get candidates(): readonly Candidate[] {
		return this.probed.candidates;
	}

	read(dt: Ns, work: readonly number[]): PowerReading {
		const reading = this.power.read(dt, work);
		const source = this.probed.source;
		if (source && !reading.known) {
			this.silent += dt;
			if (++this.silentReads >= LEAST_READS && this.silent >= PATIENCE) {
				const why = reading.marked.find((mark) => mark.includes(':')) ?? safe`nothing could be read`;
				this.failed.set(source.kind, {
					reason: `does not deliver (${why}); tried again every ${AGAIN / 1e9} s`,
					since: 0,
				});
				this.switch();
			}
		} else {
			this.silent = 0;
			this.silentReads = 0;
		}
		this.tryAgain(dt);
		return reading;
	}

	close(): void {
		this.trial?.close();
		this.power.close();
	}

	/** To the best one that has not failed. */
	private switch(): void {
		this.silent = 0;
		this.silentReads = 0;
		this.power.close();
		this.probed = this.options.probe(new Map(Array.from(this.failed, ([kind, { reason }]) => [kind, reason])));
		this.probed.source?.read(1e6);
		this.power = this.options.open(this.probed);
	}

	private tryAgain(dt: Ns): void {
		const { trial } = this;
		if (trial) {
			const delivers = !trial.read(dt).silent;
			trial.close();
			this.trial = undefined;
			if (delivers) {
				this.failed.delete(trial.kind);
				this.switch();
			}
			return;
		}
		for (const failure of this.failed.values()) failure.since += dt;
		const [due] = [...this.failed].filter(([, { since }]) => since >= AGAIN).sort(([, a], [, b]) => b.since - a.since);
		if (!due) return;
		const [kind, failure] = due;
		failure.since = 0;
		const others = [...this.failed].filter(([other]) => other !== kind);
		const { source } = this.options.probe(new Map(others.map(([other, { reason }]) => [other, reason])));
		if (source?.kind === kind) {
			source.read(1e6);
			this.trial = source;
		} else {
			source?.close();
		}
	}
}
