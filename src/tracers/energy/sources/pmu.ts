/**
 * The same energy counters through perf (`/sys/bus/event_source/devices/power`), for kernels without powercap. The kernel
 * extends them to 64 bits, so they do not wrap. Numbers, scale and unit of the events come from sysfs.
 */
import { join } from 'node:path';
import { BECOME_ROOT, Unavailable } from '../../../core/errors.ts';
import type { PerfCounter } from '../../../core/native.ts';
import { safe, sanitize } from '../../../lib/sanitize.ts';
import { parseCpuList } from '../../../system/cpus.ts';
import { counterAccuracy, dieOfCpu, packageOfCpu } from './processor.ts';
import { counterSampler } from './sampler.ts';
import { type EnergyDomain, type EnergyHost, type EnergySource, type Level, type Meter, readMeters } from './source.ts';
import { Garbage, isDenied, readOptional, readText, whyUnreadable } from './sysfs.ts';

const levels: Readonly<Record<string, Level>> = {
	'energy-pkg': 'package',
	'energy-ram': 'dram',
	'energy-cores': 'core',
	'energy-gpu': 'uncore',
	'energy-psys': 'psys',
};
const units: Readonly<Record<string, number>> = { Joules: 1e6, mJ: 1e3, uJ: 1 };

export interface PmuEvent {
	/** For `perf_event_open`. */
	config: number;
	/** µJ per count. */
	scale: number;
}

/** Encode the terms of an event (`event=0x02,umask=0x1`) by the PMU's `format` files (`config:0-7`). */
function encode(pmu: string, terms: string): number {
	let config = 0n;
	for (const term of terms.split(',')) {
		const [, name, value = '1'] = /^(\w+)(?:=(0x[0-9a-fA-F]{1,16}|\d{1,18}))?$/.exec(term.trim()) ?? [];
		const format = name === undefined ? undefined : readOptional(join(pmu, 'format', name));
		// without a format file only the field of every PMU is known
		const shift = /^config:(\d+)/.exec(format ?? (name === 'event' ? 'config:0' : ''))?.[1];
		if (shift === undefined) throw new Garbage(`has the term "${term}", which its format does not explain`);
		config |= BigInt(value) << BigInt(shift);
	}
	return Number(config);
}

/** One event of the PMU. Throws {@link Garbage}, or the system's errors: `ENOENT` without such an event. */
export function readEvent(pmu: string, name: string): PmuEvent {
	const config = encode(pmu, readText(join(pmu, 'events', name)));
	const factor = Number(readText(join(pmu, 'events', `${name}.scale`)));
	const unit = readText(join(pmu, 'events', `${name}.unit`));
	const scale = factor * (units[unit] ?? Number.NaN);
	if (!(scale > 0 && scale < Number.POSITIVE_INFINITY))
		throw new Garbage(`has no usable scale and unit (${factor} ${unit})`);
	return { config, scale };
}

/** Reads the counter; throws {@link Garbage} where it counted for a part of the interval only. */
function wholeCount(counter: PerfCounter): () => bigint {
	let idle = 0;
	return () => {
		const { value, enabledNs, runningNs } = counter.read();
		const before = idle;
		idle = enabledNs - runningNs;
		if (idle > before) throw new Garbage('shared the hardware and did not count all the time');
		return value;
	};
}

function domainOf(sysRoot: string, level: Level, cpu: number, cpus: readonly number[]): EnergyDomain {
	const number = packageOfCpu(sysRoot, cpu);
	const die =
		cpus.filter((other) => packageOfCpu(sysRoot, other) === number).length > 1 ? dieOfCpu(sysRoot, cpu) : null;
	const place = number === null ? `cpu-${cpu}` : `package-${number}${die === null ? '' : `-die-${die}`}`;
	const isCounted = level === 'package' || level === 'dram';
	return {
		name: sanitize(level === 'package' ? place : `${place} ${level}`),
		package: number,
		level,
		counted: isCounted,
	};
}

function refuse(error: unknown): never {
	if (isDenied(error)) {
		throw new Unavailable('the kernel refuses perf_event_open: needs CAP_PERFMON', BECOME_ROOT, error);
	}
	throw new Unavailable(
		`the power PMU's package event ${whyUnreadable(error)}`,
		'use --source rapl or --source model',
		error,
	);
}

/** @throws {Unavailable} without the PMU, or where its package event cannot be counted */
export function probePmu(host: EnergyHost): EnergySource {
	const { sysRoot, addon } = host;
	const pmu = join(sysRoot, 'bus/event_source/devices/power');
	const missing = 'on real hardware: sudo modprobe rapl; in a virtual machine: run wattlag on the host';
	const type = readOptional(join(pmu, 'type'));
	if (type === undefined) throw new Unavailable(`no power PMU at ${pmu}: usual in virtual machines`, missing);
	if (!addon)
		throw new Unavailable('the addon is not loaded, and only it can open perf events', 'run scripts/setup.sh');
	// one CPU for each package or die; without the list, the first CPU for the only package
	const cpus = parseCpuList(readOptional(join(pmu, 'cpumask')) ?? '0');
	const counters: PerfCounter[] = [];
	const meters: Meter[] = [];
	const hooks: string[] = [];
	const close = (): void => {
		for (const counter of counters.splice(0)) counter.close();
	};
	for (const [name, level] of Object.entries(levels)) {
		try {
			const { config, scale } = readEvent(pmu, name);
			for (const cpu of cpus) {
				const counter = addon.openCounter(Number(type), config, cpu);
				counters.push(counter);
				const sample = counterSampler(wholeCount(counter), { scale, neverStill: level === 'package' });
				meters.push({ domain: domainOf(sysRoot, level, cpu, cpus), sample });
				hooks.push(`perf power/${name}/ on CPU ${cpu}`);
			}
		} catch (error) {
			// the other levels depend on the processor: `domains` lists the existing ones
			if (level !== 'package') continue;
			close();
			refuse(error);
		}
	}
	if (meters.length === 0)
		throw new Unavailable(`${pmu}/cpumask names no CPU to count on`, 'use --source rapl or --source model');
	const dram = meters.some(({ domain }) => domain.level === 'dram');
	const scope = dram ? safe`CPU packages + DRAM` : safe`CPU packages`;
	return {
		kind: 'pmu',
		description: `energy counters of the processor through perf, ${scope}; disks, fans, screen and power supply are not in it`,
		...counterAccuracy(host.procRoot, dram),
		scope,
		hooks,
		domains: meters.map(({ domain }) => domain),
		read: (dt) => readMeters(meters, dt),
		close,
	};
}
