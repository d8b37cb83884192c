/**
 * Sources of measured energy. A source covers one set of domains (packages, DRAM, the machine) and returns the microjoules
 * since the last read, once per interval. The probe fixes all of its parts; later failures are marked in the reading and
 * never estimated.
 */

import type { BpfAddon } from '../../../core/native.ts';
import type { Source } from '../../../core/snapshot.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns } from '../../../lib/units.ts';
import type { CounterKind } from '../options.ts';
import type { Sampler } from './sampler.ts';

/** Requirements of a probe. `sysRoot` and `procRoot` may be fixture trees; `addon` may be absent without BPF. */
export interface EnergyHost {
	sysRoot: string;
	procRoot: string;
	addon: Pick<BpfAddon, 'openCounter'> | null;
}

/** Part of the hardware that a domain measures. `psys` and `machine` contain packages, packages contain cores and uncore. */
export type Level = 'package' | 'dram' | 'core' | 'uncore' | 'psys' | 'machine' | 'other';

export interface EnergyDomain {
	/** e.g. `package-0`, `package-0-die-1 dram`, `psys`. */
	name: SafeText;
	/** Physical package (as in `topology/physical_package_id`); null: the domain spans packages. */
	package: number | null;
	level: Level;
	/** Part of the total. false: only shown, since it contains a counted domain or is contained in one. */
	counted: boolean;
}

export interface EnergyReading {
	/** Σ of the counted domains that are known; the others are named in `marked`. An integer. */
	measured_uj: MicroJoules;
	/** In the order of {@link EnergySource.domains}; null: not known for this interval, which is not 0. */
	domain_uj: (MicroJoules | null)[];
	/** Counted energy by physical package, for sources with packages. */
	package_uj: Map<number, MicroJoules>;
	/** Why this interval is special: `package-0: counter wrapped (handled)`. */
	marked: SafeText[];
	/** No counted domain is known for this interval: it was not measured. */
	silent: boolean;
}

export interface EnergySource extends Source {
	kind: CounterKind;
	/** Coverage of the total: `CPU packages + DRAM`, `whole machine`. */
	scope: SafeText;
	/** The number in {@link Source.uncertainty}: ± of the total in percent. */
	percent: number;
	domains: readonly EnergyDomain[];
	/** Energy since the last read, at first since the probe. `dt` is the measured time in between. Never throws. */
	read(dt: Ns): EnergyReading;
	/** Idempotent. */
	close(): void;
}

/** A domain and its sampler. */
export interface Meter {
	domain: EnergyDomain;
	sample: Sampler;
}

/** Read every domain and add up the counted ones. */
export function readMeters(meters: readonly Meter[], dt: Ns): EnergyReading {
	const reading: EnergyReading = { measured_uj: 0, domain_uj: [], package_uj: new Map(), marked: [], silent: true };
	for (const { domain, sample } of meters) {
		const { uj, mark } = sample(dt);
		reading.domain_uj.push(uj);
		if (mark) reading.marked.push(`${domain.name}: ${mark}` as SafeText);
		if (uj === null || !domain.counted) continue;
		reading.silent = false;
		reading.measured_uj += uj;
		if (domain.package !== null) {
			reading.package_uj.set(domain.package, (reading.package_uj.get(domain.package) ?? 0) + uj);
		}
	}
	return reading;
}
