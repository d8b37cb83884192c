/**
 * Own cost of the BPF programs, measured by sampling: the kernel's run statistics cost about as much as the programs
 * themselves, so they are on for the last part of an interval only, and the figures are scaled up to the whole.
 */
import type { Cost } from '../core/snapshot.ts';
import type { BpfCost, Host, Session } from '../core/tracer.ts';
import { monotonicNs } from '../lib/clock.ts';
import type { Ns } from '../lib/units.ts';

/** Longest window. */
const LENGTH: Ns = 0.1e9;
/** Its largest share of an interval. */
const SHARE = 0.2;

type AnySession = Session<object, object>;
type MeasuredCost = Pick<Cost, 'bpf_ns' | 'bpf_runs' | 'bpf_measured_ns'>;

/** Length of the window at the end of an interval of `delay`. */
export function windowLength(delay: Ns): Ns {
	return Math.min(LENGTH, delay * SHARE);
}

export class CostWindow {
	private readonly host: Pick<Host, 'addon'>;
	private statistics: { close(): void } | undefined;
	private openedAt: Ns = 0;
	/** Costs when the window opened. */
	private before = new Map<AnySession, BpfCost>();
	/** false: the kernel keeps its statistics to itself, for want of privilege; tracers may work all the same. */
	private measurable = true;

	constructor(host: Pick<Host, 'addon'>) {
		this.host = host;
	}

	/** Is the window still to be opened in this interval? */
	get pending(): boolean {
		return this.statistics === undefined && this.measurable;
	}

	open(sessions: readonly AnySession[]): void {
		try {
			this.statistics = this.host.addon.enableStats();
			this.openedAt = monotonicNs();
			this.before = new Map(sessions.map((session) => [session, session.cost()]));
		} catch {
			this.measurable = false;
		}
	}

	/**
	 * End the window.
	 * @returns the cost of a session in an interval of `dt`, from its cost at the end of the window; all 0: not measured
	 */
	close(): (session: AnySession, cost: BpfCost, dt: Ns) => MeasuredCost {
		const length = this.statistics ? monotonicNs() - this.openedAt : 0;
		const { before } = this;
		this.statistics?.close();
		this.statistics = undefined;
		this.before = new Map();
		return (session, { ns, runs }, dt) => {
			const opened = before.get(session);
			if (!opened || length <= 0) return { bpf_ns: 0, bpf_runs: 0, bpf_measured_ns: 0 };
			const scale = dt / length;
			return {
				bpf_ns: Math.round((ns - opened.ns) * scale),
				bpf_runs: Math.round((runs - opened.runs) * scale),
				bpf_measured_ns: length,
			};
		};
	}
}
