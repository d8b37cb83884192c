/**
 * Power from the best source that delivers. One that has stopped to (a meter with an error value, a battery on mains) gives
 * way to the next, with the reason, and is tried again. Sources and packages that appear later are found too.
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

/** So often sources are searched for anew: a battery that takes over, a driver that was loaded, a package that was added. */
const SEARCH: Ns = 30e9;

type Kind = EnergySource['kind'];

/** Two sources with the same domains are the same. */
function same(a: ProbedSources, b: ProbedSources): boolean {
	const names = ({ source }: ProbedSources): string =>
		(source?.domains ?? []).map(({ name, counted }) => `${name} ${counted}`).join('\n');
	return a.kind === b.kind && names(a) === names(b);
}

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
	private sinceSearch: Ns = 0;
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
		this.search(dt);
		return reading;
	}

	close(): void {
		this.trial?.close();
		this.power.close();
	}

	/** To the best one that has not failed. */
	private switch(): void {
		this.adopt(this.options.probe(this.withoutFailed()));
	}

	private adopt(probed: ProbedSources): void {
		this.silent = 0;
		this.silentReads = 0;
		this.power.close();
		this.probed = probed;
		probed.source?.read(1e6);
		this.power = this.options.open(probed);
	}

	private withoutFailed(): Map<Kind, string> {
		return new Map(Array.from(this.failed, ([kind, { reason }]) => [kind, reason]));
	}

	private search(dt: Ns): void {
		this.sinceSearch += dt;
		if (this.sinceSearch < SEARCH || this.trial) return;
		this.sinceSearch = 0;
		const found = this.options.probe(this.withoutFailed());
		if (same(found, this.probed)) found.source?.close();
		else this.adopt(found);
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
