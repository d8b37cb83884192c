/** Perf counters that BPF programs read at context switches (bpf/energy/cpu-counter.bpf.h): one of an event on each CPU. */
import { Unavailable } from '../../../core/errors.ts';
import type { BpfAddon, BpfError, BpfObject, PerfCounter } from '../../../core/native.ts';
import { wordOf } from '../../../lib/decode.ts';

/** A perf event by PMU type and config. */
export interface PerfEvent {
	type: number;
	config: number;
}

/** The event that is counted instead of the one that is meant (tests); empty: that one. */
export function standInFor(meant: PerfEvent, event: PerfEvent): string {
	const real = event.type === meant.type && event.config === meant.config;
	return real ? '' : `a stand-in for tests: perf event ${event.type}:${event.config}`;
}

/**
 * @param refusal the message where it cannot be counted, with the error's code
 * @param advice what to do then
 * @returns by CPU
 * @throws {Unavailable} where the event cannot be counted on all CPUs; none stays open then
 */
export function openCounters(
	addon: Pick<BpfAddon, 'openCounter'>,
	cpus: readonly number[],
	{ type, config }: PerfEvent,
	refusal: (code: string) => string,
	advice: string,
): Map<number, PerfCounter> {
	const counters = new Map<number, PerfCounter>();
	try {
		for (const cpu of cpus) counters.set(cpu, addon.openCounter(type, config, cpu));
	} catch (error) {
		closeCounters(counters);
		const code = (error as Partial<BpfError>).code ?? String(error);
		throw new Unavailable(refusal(code), advice, error);
	}
	return counters;
}

/** Gives them to the programs. @param map of the object, by CPU */
export function storeCounters(
	object: Pick<BpfObject, 'update'>,
	map: string,
	counters: ReadonlyMap<number, PerfCounter>,
): void {
	for (const [cpu, counter] of counters) object.update(map, wordOf(cpu), wordOf(counter.fd()));
}

export function closeCounters(counters: ReadonlyMap<number, PerfCounter>): void {
	for (const counter of counters.values()) counter.close();
}
