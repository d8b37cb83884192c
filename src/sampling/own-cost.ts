/**
 * Own cost of the BPF programs: their counts of their runs × the price of a run ({@link Prices}). Prices are measured
 * after loading and then ever more seldom, since switching the kernel's run statistics patches its code, which interrupts
 * every CPU three times; with isolated CPUs it is not done at all.
 */
import type { ProgramsCost } from '../core/cost.ts';
import type { CostMode } from '../core/sampler.ts';
import type { BpfCost, Host, Session } from '../core/tracer.ts';
import { monotonicNs } from '../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { isolatedCpus } from '../system/cpus.ts';
import { type Delta, deltas, Prices, spreadOf } from './prices.ts';

/** Longest measurement; it ends earlier with its interval. */
const LENGTH: Ns = 1e9;
/** Until the second measurement; each further pause is twice as long, up to the longest. */
const FIRST_PAUSE: Ns = 60e9;
const LONGEST_PAUSE: Ns = 1800e9;
/** The same for programs that run and have no price, or one of another rate. */
const FIRST_EARLY: Ns = 10e9;
/** Part of the runs that may be without a price. */
const UNPRICED = 0.02;

/** Part of the cost that may be by prices of a far higher or lower rate. */
const FAR = 0.25;

type AnySession = Session<object, object>;

/** The programs of one session. */
interface Watched {
	/** At the previous tick. */
	ticked: BpfCost;
	/** At the beginning of the measurement, and at its last part. */
	begun: BpfCost | undefined;
	part: BpfCost | undefined;
	/** What ran in each part of the measurement. */
	parts: Delta[][];
	spread: number | undefined;
	/** Distance of the last measurement from the prices before it, relative to it. */
	drift: number;
	/** How much of the last interval's runs has no price that fits. */
	unpriced: 'none' | 'some' | 'all';
}

function seenNs(ran: readonly Delta[]): Ns {
	return ran.reduce((sum, { seen }) => sum + seen.ns, 0);
}

/** The same programs, with the runs that the kernel counted in place of their own. */
function asSeen(ran: readonly Delta[]): Delta[] {
	return ran.map(({ name, seen }) => ({ name, runs: seen.runs, seen }));
}

export class OwnCost {
	private readonly host: Host;
	private readonly mode: CostMode;
	private readonly prices = new Prices();
	private readonly watched = new Map<AnySession, Watched>();
	private statistics: { close(): void } | undefined;
	private openedAt: Ns = 0;
	/** Time with statistics since the previous tick, without the present measurement. */
	private measured: Ns = 0;
	private tickedAt: Ns = monotonicNs();
	/** CLOCK_MONOTONIC of the next measurement. */
	private due: Ns = 0;
	private pause: Ns = FIRST_PAUSE;
	private early: Ns = FIRST_EARLY;
	private closedAt: Ns = Number.NEGATIVE_INFINITY;
	/** Why nothing is measured; undefined: it is. */
	private why: SafeText | undefined;

	constructor(host: Host, mode: CostMode = 'auto') {
		this.host = host;
		this.mode = mode;
	}

	/** The kernel's statistics are on: its counts are needed at each tick. */
	get measures(): boolean {
		return this.statistics !== undefined;
	}

	/** The tracers are loaded: the first measurement begins. */
	begin(sessions: readonly AnySession[]): void {
		if (sessions.length > 0) this.open(sessions);
	}

	/** Several times in an interval: ends a part of the measurement, or all of it. */
	sample(sessions: readonly AnySession[]): void {
		if (!this.statistics) return;
		const now = monotonicNs();
		if (this.mode === 'auto' && now - this.openedAt >= LENGTH) this.finish(sessions, now);
		else this.endPart(sessions);
	}

	/**
	 * The interval ends.
	 * @param costs of all sessions, now
	 * @returns the cost of a session in an interval of `dt`
	 */
	tick(costs: ReadonlyMap<AnySession, BpfCost>): (session: AnySession, dt: Ns) => ProgramsCost {
		const now = monotonicNs();
		const sessions = [...costs.keys()];
		const throughout = this.statistics !== undefined && this.openedAt <= this.tickedAt;
		const measured = this.measured + (this.statistics ? now - Math.max(this.openedAt, this.tickedAt) : 0);
		if (this.statistics && this.mode === 'auto') this.finish(sessions, now, costs);
		for (const session of this.watched.keys()) if (!costs.has(session)) this.watched.delete(session);
		const ran = new Map<AnySession, Delta[]>();
		for (const [session, cost] of costs) {
			ran.set(session, deltas(this.watched.get(session)?.ticked.programs ?? [], cost.programs));
			this.watch(session).ticked = cost;
		}
		this.measured = 0;
		this.tickedAt = now;
		const figures = (session: AnySession, dt: Ns): ProgramsCost => {
			const watched = this.watch(session);
			const programs = ran.get(session) ?? [];
			if (throughout && this.mode === 'on') return exact(programs, measured);
			return this.estimated(watched, programs, dt, measured, now);
		};
		return figures;
	}

	/** Call after the tick: begins the next measurement where it is due. */
	next(sessions: readonly AnySession[]): void {
		if (this.statistics || sessions.length === 0) return;
		const now = monotonicNs();
		const unpriced = new Set(Array.from(this.watched.values(), (watched) => watched.unpriced));
		// nothing has a price where the first tick came later than the first measurement ended: at once, but only once
		const atOnce = unpriced.has('all') && this.early === FIRST_EARLY;
		const early = atOnce || ((unpriced.has('all') || unpriced.has('some')) && now >= this.closedAt + this.early);
		if (early) this.early = Math.min(LONGEST_PAUSE, this.early * 2);
		if (early || now >= this.due) this.open(sessions);
	}

	/** Statistics off. */
	stop(): void {
		this.statistics?.close();
		this.statistics = undefined;
	}

	private estimated(watched: Watched, programs: readonly Delta[], dt: Ns, measured: Ns, now: Ns): ProgramsCost {
		const estimate = this.prices.estimate(programs, dt);
		const far = estimate.far_ns > FAR * estimate.ns;
		const some = far || estimate.unpriced_ns > UNPRICED * estimate.ns;
		watched.unpriced = estimate.unknown ? 'all' : some ? 'some' : 'none';
		const { spread, drift } = watched;
		const { pricedAt } = estimate;
		const known = !estimate.unknown;
		const missing = estimate.ns > 0 ? estimate.unpriced_ns / estimate.ns : 0;
		return {
			bpf_ns: known ? Math.round(estimate.ns) : null,
			bpf_runs: Math.round(estimate.runs),
			bpf_measured_ns: Math.round(measured),
			bpf_price_age_ns: pricedAt === undefined ? null : Math.max(0, Math.round(now - pricedAt)),
			bpf_uncertainty: known && !far && spread !== undefined ? rounded(Math.max(spread, drift) + missing) : null,
			...(!known && { bpf_why: this.why ?? safe`not measured yet` }),
		};
	}

	private watch(session: AnySession): Watched {
		let watched = this.watched.get(session);
		if (!watched) {
			watched = {
				ticked: { ...session.cost(), programs: [] },
				...{ begun: undefined, part: undefined, parts: [], spread: undefined, drift: 0 },
				unpriced: 'none',
			};
			this.watched.set(session, watched);
		}
		return watched;
	}

	private open(sessions: readonly AnySession[]): void {
		const now = monotonicNs();
		this.why = this.whyNot();
		// asked again as seldom as it is measured: CPUs may be isolated while we run
		this.due = now + this.pause;
		if (this.why !== undefined) return;
		try {
			this.statistics = this.host.addon.enableStats();
		} catch {
			this.why = safe`the kernel refuses its run statistics`;
			return;
		}
		this.openedAt = now;
		for (const session of sessions) {
			const watched = this.watch(session);
			watched.begun = watched.part = session.cost();
			watched.parts = [];
		}
	}

	private whyNot(): SafeText | undefined {
		if (this.mode === 'off') return safe`switched off by --own-cost off`;
		const isolated = sanitize(isolatedCpus(this.host.sysRoot));
		return isolated === '' ? undefined : safe`CPUs ${isolated} are isolated: measuring would interrupt them`;
	}

	private endPart(sessions: readonly AnySession[], costs?: ReadonlyMap<AnySession, BpfCost>): void {
		for (const session of sessions) {
			const watched = this.watch(session);
			if (!watched.part) continue;
			const cost = costs?.get(session) ?? session.cost();
			watched.parts.push(deltas(watched.part.programs, cost.programs));
			watched.part = cost;
		}
	}

	/** Ends the measurement: new prices, and how far the old ones were from it. */
	private finish(sessions: readonly AnySession[], now: Ns, costs?: ReadonlyMap<AnySession, BpfCost>): void {
		this.endPart(sessions, costs);
		this.stop();
		this.measured += now - Math.max(this.openedAt, this.tickedAt);
		this.closedAt = now;
		this.due = now + this.pause;
		this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
		const dt = now - this.openedAt;
		for (const session of sessions) {
			const watched = this.watch(session);
			if (!watched.begun || !watched.part) continue;
			const whole = deltas(watched.begun.programs, watched.part.programs);
			const actual = seenNs(whole);
			const expected = this.prices.estimate(asSeen(whole), dt);
			const before = expected.pricedAt !== undefined && actual > 0;
			watched.drift = before ? Math.abs(expected.ns - actual) / actual : 0;
			const fresh = new Prices();
			fresh.learn(whole, dt, now);
			watched.spread =
				spreadOf(
					watched.parts.map((part) => ({
						actual: seenNs(part),
						expected: fresh.estimate(asSeen(part), dt).ns,
					})),
				) ?? watched.spread;
			this.prices.learn(whole, dt, now);
			watched.begun = watched.part = undefined;
			watched.parts = [];
		}
	}
}

/** Statistics were on for the whole interval: what the kernel counted. */
function exact(programs: readonly Delta[], measured: Ns): ProgramsCost {
	return {
		bpf_ns: Math.round(seenNs(programs)),
		bpf_runs: programs.reduce((sum, { runs, seen }) => sum + (runs ?? seen.runs), 0),
		bpf_measured_ns: Math.round(measured),
		bpf_price_age_ns: 0,
		bpf_uncertainty: 0,
	};
}

function rounded(share: number): number {
	return Math.round(share * 1000) / 1000;
}
