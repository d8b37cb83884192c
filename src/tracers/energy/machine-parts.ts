/**
 * The parts of the machine whose energy is known: the counted domains of the source, GPUs, and by coefficients of the
 * configuration disks and network. Parts that contain each other are never added.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, MicroJoules } from '../../lib/units.ts';
import { kernelText } from '../../system/kernel-text.ts';
import type { DomainEnergy } from './power/power.ts';
import { list } from './sources/sysfs.ts';

export interface MachinePart {
	name: SafeText;
	/** `counter`: the source of power or a GPU. `model`: the CPU model. `coefficient`: bytes × J per GB of the configuration. */
	from: 'counter' | 'model' | 'coefficient';
	/** null: not known for this interval. */
	energy_uj: MicroJoules | null;
	/** Relative error, 0–1; null: see the source's uncertainty. */
	error_share: number | null;
	/** Part of the total. false: contained in a counted part, or contains one. */
	counted: boolean;
}

export interface MachineField {
	parts: MachinePart[];
	/** Σ of the counted parts that are known; null: none is. */
	total_uj: MicroJoules | null;
}

/** Energy, cost and emissions since start, where the configuration has a price or an intensity. */
export interface Bill {
	/** Of the counted parts. */
	kwh: number;
	kwh_per_day: number;
	/** In the currency of `--price`; null: no price. */
	price: number | null;
	price_per_day: number | null;
	/** null: no intensity. */
	co2_g: number | null;
	co2_g_per_day: number | null;
}

/** J per GB differ by device and load by this much. */
const COEFFICIENT_ERROR = 0.5;
const SECTOR: Bytes = 512;
const UJ_PER_KWH = 3.6e12;

export interface Moved {
	read: Bytes;
	written: Bytes;
	/** Sent and received. */
	network: Bytes;
}

/** Bytes of disks and network devices that are hardware: what is stacked on them counts there. */
export function bytesMoved(procRoot: string, sysRoot: string): Moved {
	const moved: Moved = { read: 0, written: 0, network: 0 };
	const disks = new Set(
		list(join(sysRoot, 'block')).filter(
			(name) => !/^(loop|ram|zram)\d/.test(name) && list(join(sysRoot, 'block', name, 'slaves')).length === 0,
		),
	);
	for (const line of (kernelText(procRoot, 'diskstats') ?? '').split('\n')) {
		const fields = line.trim().split(/\s+/);
		if (!disks.has(fields[2] ?? '')) continue;
		moved.read += Number(fields[5]) * SECTOR;
		moved.written += Number(fields[9]) * SECTOR;
	}
	for (const [, name, received, sent] of (kernelText(procRoot, 'net/dev') ?? '').matchAll(
		/^\s*([^:\s]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm,
	)) {
		if (existsSync(join(sysRoot, 'class/net', name as string, 'device')))
			moved.network += Number(received) + Number(sent);
	}
	return moved;
}

/** Add up the counted parts. */
export function totalOf(parts: readonly MachinePart[]): MicroJoules | null {
	const known = parts.flatMap(({ counted, energy_uj }) => (counted && energy_uj !== null ? [energy_uj] : []));
	return known.length > 0 ? known.reduce((sum, uj) => sum + uj, 0) : null;
}

/** What the source and the GPUs measured. */
export interface MeasuredParts {
	/** null: this interval was not measured. */
	measured_uj: MicroJoules | null;
	scope: SafeText;
	domains: readonly DomainEnergy[];
	gpus: readonly { name: SafeText; energy_uj: MicroJoules | null }[];
}

/** The parts of an interval. @param estimated disks and network by coefficients */
export function partsOf(
	{ measured_uj, scope, domains, gpus }: MeasuredParts,
	estimated: readonly { name: SafeText; energy_uj: MicroJoules }[],
): MachinePart[] {
	// a meter of the whole machine has everything else in it
	const whole = domains.some(({ counted, level }) => counted && (level === 'machine' || level === 'psys'));
	return [
		...(domains.length > 0
			? domains.map(
					({ name, energy_uj, counted }): MachinePart => ({
						name,
						from: 'counter',
						energy_uj,
						error_share: null,
						counted,
					}),
				)
			: [{ name: scope, from: 'model' as const, energy_uj: measured_uj, error_share: null, counted: true }]),
		...gpus.map(
			({ name, energy_uj }): MachinePart => ({ name, from: 'counter', energy_uj, error_share: null, counted: !whole }),
		),
		...estimated.map(
			({ name, energy_uj }): MachinePart => ({
				name,
				from: 'coefficient',
				energy_uj,
				error_share: COEFFICIENT_ERROR,
				counted: !whole,
			}),
		),
	];
}

export class MachineParts {
	private readonly roots: { procRoot: string; sysRoot: string };
	/** J per GB = µJ per 1,000 bytes. */
	private readonly perGb: Moved;
	private readonly price: number;
	private readonly co2: number;
	private last: Moved | undefined;
	private total_uj: MicroJoules = 0;
	private seconds = 0;

	constructor(roots: { procRoot: string; sysRoot: string }, options: Options) {
		const of = (name: string): number => Number(options[name] ?? 0);
		this.roots = roots;
		this.perGb = { read: of('disk-read-j'), written: of('disk-write-j'), network: of('network-j') };
		this.price = of('price');
		this.co2 = of('co2');
		this.last = this.moved();
	}

	/** The interval that ends now, `seconds` long. */
	read(seconds: number, measured: MeasuredParts): { machine: MachineField; bill: Bill | null } {
		const parts = partsOf(measured, this.estimated());
		const total_uj = totalOf(parts);
		if (total_uj !== null) {
			this.total_uj += total_uj;
			this.seconds += seconds;
		}
		return { machine: { parts, total_uj }, bill: this.bill() };
	}

	private moved(): Moved | undefined {
		const { read, written, network } = this.perGb;
		return read + written + network > 0 ? bytesMoved(this.roots.procRoot, this.roots.sysRoot) : undefined;
	}

	private estimated(): { name: SafeText; energy_uj: MicroJoules }[] {
		const before = this.last;
		const now = this.moved();
		this.last = now;
		if (!now || !before) return [];
		const names = { read: safe`disk reads`, written: safe`disk writes`, network: safe`network` };
		return (Object.keys(names) as (keyof Moved)[]).flatMap((key) =>
			this.perGb[key] > 0
				? // a device that was unplugged takes its bytes along
					[{ name: names[key], energy_uj: Math.round((Math.max(0, now[key] - before[key]) / 1e3) * this.perGb[key]) }]
				: [],
		);
	}

	private bill(): Bill | null {
		if (this.price === 0 && this.co2 === 0) return null;
		const kwh = this.total_uj / UJ_PER_KWH;
		const perDay = this.seconds > 0 ? 86_400 / this.seconds : 0;
		const times = (factor: number, amount: number): number | null => (factor > 0 ? amount * factor : null);
		return {
			kwh,
			kwh_per_day: kwh * perDay,
			price: times(this.price, kwh),
			price_per_day: times(this.price, kwh * perDay),
			co2_g: times(this.co2, kwh),
			co2_g_per_day: times(this.co2, kwh * perDay),
		};
	}
}

/** kWh of an energy. */
export function kwhOf(energy: MicroJoules): number {
	return energy / UJ_PER_KWH;
}

/** `0.42 a day`: an amount of a bill, three digits. */
export function amount(value: number): SafeText {
	return sanitize(value === 0 ? '0' : value.toPrecision(3));
}
