/**
 * The parts of the machine whose energy is known: the counted domains of the source, GPUs, power rails of disks, network
 * devices and power supplies, and by coefficients of the configuration disks, network, memory and the rest. Parts that
 * contain each other are never added. The energy of disks and network is divided among processes.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfCost, NO_COST, type Options } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, MicroJoules, Watts } from '../../lib/units.ts';
import { kernelText } from '../../system/kernel-text.ts';
import type { ProcessInfo } from './cpu/cpu-use.ts';
import type { MoveCounter, Moved } from './devices/moved.ts';
import type { Rail, RailKind, Rails } from './devices/rails.ts';
import { type Divisor, divide } from './devices/shares.ts';
import type { DomainEnergy } from './power/power.ts';
import { list } from './sources/sysfs.ts';

export interface MachinePart {
	name: SafeText;
	/**
	 * `counter`: the source of power, a GPU or a power rail. `model`: the CPU model. `coefficient`: J per GB or W at rest of
	 * the configuration. `difference`: a measured whole less its known parts.
	 */
	from: 'counter' | 'model' | 'coefficient' | 'difference';
	/** null: not known for this interval. */
	energy_uj: MicroJoules | null;
	/** Relative error, 0–1; null: see the source's uncertainty. */
	error_share: number | null;
	/** Part of the total. false: contained in a counted part, or contains one. */
	counted: boolean;
	/** Part of the energy that rows have as `device_uj`; null: it is not divided by bytes. */
	processes_uj: MicroJoules | null;
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

/** Energy beside the source. */
export interface Beside {
	name: SafeText;
	energy_uj: MicroJoules | null;
	/** The measure by which it is divided among processes; null: it is not divided. */
	by: Divisor | null;
	/** A power supply contains all the others. */
	whole?: boolean;
	/** `counter`: a rail. */
	from: 'counter' | 'coefficient';
}

/** Levels whose domains do not contain each other. */
export const INNER: ReadonlySet<string> = new Set(['package', 'dram']);

/** The parts of an interval, those of `beside` last and in their order, before the rest of a whole. */
export function partsOf(
	{ measured_uj, scope, domains, gpus }: MeasuredParts,
	beside: readonly Beside[],
): MachinePart[] {
	// a meter of the whole machine has everything else in it
	const meter = domains.filter(({ counted, level }) => counted && (level === 'machine' || level === 'psys'));
	const supplies = beside.filter(({ whole }) => whole);
	const whole = meter.length > 0 ? meter : supplies;
	const part = (name: SafeText, energy_uj: MicroJoules | null, more: Partial<MachinePart>): MachinePart => ({
		name,
		from: 'counter',
		energy_uj,
		error_share: null,
		counted: whole.length === 0,
		processes_uj: null,
		...more,
	});
	const parts = [
		...(domains.length > 0
			? domains.map(({ name, energy_uj, counted }) =>
					part(name, energy_uj, { counted: counted && (meter.length > 0 || supplies.length === 0) }),
				)
			: [part(scope, measured_uj, { from: 'model' })]),
		...gpus.map(({ name, energy_uj }) => part(name, energy_uj, {})),
		...beside.map((one) =>
			part(one.name, one.energy_uj, {
				from: one.from,
				...(one.from === 'coefficient' && { error_share: COEFFICIENT_ERROR }),
				// several meters of the whole are never added either
				...(one.whole && { counted: meter.length === 0 }),
			}),
		),
	];
	if (whole.length === 0) return parts;
	const sum = (of: readonly { energy_uj: MicroJoules | null }[]): MicroJoules =>
		of.reduce((all, { energy_uj }) => all + (energy_uj ?? 0), 0);
	const inside =
		sum(domains.length > 0 ? domains.filter(({ level }) => INNER.has(level)) : [{ energy_uj: measured_uj }]) +
		sum(gpus) +
		sum(beside.filter((one) => !one.whole));
	const known = whole.every(({ energy_uj }) => energy_uj !== null);
	const rest = known ? Math.max(0, sum(whole) - inside) : null;
	return [...parts, part(safe`rest of the machine`, rest, { from: 'difference', counted: false })];
}

/** What the parts beside the source are read with; left out in tests of others. */
export interface DeviceReaders {
	rails: Pick<Rails, 'read'> & Partial<Pick<Rails, 'missing'>>;
	moves: MoveCounter;
}

/** Coefficients: J per GB = µJ per 1,000 bytes. */
const PER_GB: readonly { option: string; name: SafeText; by: 'read' | 'written' | 'network' }[] = [
	{ option: 'disk-read-j', name: safe`disk reads`, by: 'read' },
	{ option: 'disk-write-j', name: safe`disk writes`, by: 'written' },
	{ option: 'network-j', name: safe`network`, by: 'network' },
];

/** Coefficients: W that a part draws whatever happens. */
const AT_REST: readonly { option: string; name: SafeText }[] = [
	{ option: 'disk-w', name: safe`disks at rest` },
	{ option: 'network-w', name: safe`network at rest` },
	{ option: 'memory-w', name: safe`memory` },
	{ option: 'board-w', name: safe`board and fans` },
];

const RAILS: Record<RailKind, { by: Divisor | null; whole: boolean }> = {
	disk: { by: 'disk', whole: false },
	network: { by: 'network', whole: false },
	psu: { by: null, whole: true },
};

/** Is the energy of disks, of the network known by a coefficient of the configuration? */
export function hasCoefficient(options: Options): { disk: boolean; network: boolean } {
	const has = (name: string): boolean => Number(options[name] ?? 0) > 0;
	return { disk: has('disk-read-j') || has('disk-write-j'), network: has('network-j') };
}

export class MachineParts {
	private readonly roots: { procRoot: string; sysRoot: string };
	private readonly options: Options;
	private readonly readers: DeviceReaders | undefined;
	private readonly price: number;
	private readonly co2: number;
	private last: Moved | undefined;
	private total_uj: MicroJoules = 0;
	private seconds = 0;

	constructor(roots: { procRoot: string; sysRoot: string }, options: Options, readers?: DeviceReaders) {
		this.roots = roots;
		this.options = options;
		this.readers = readers;
		this.price = this.of('price');
		this.co2 = this.of('co2');
		this.last = this.moved();
	}

	/**
	 * The interval that ends now, `seconds` long.
	 * @param ran processes that ran in it
	 * @param charge takes the part of a process in the energy of disks and network
	 */
	read(
		seconds: number,
		measured: MeasuredParts,
		ran: Iterable<ProcessInfo> = [],
		charge: (process: ProcessInfo, energy_uj: MicroJoules) => void = () => {},
	): { machine: MachineField; bill: Bill | null } {
		const rails = this.readers?.rails.read(seconds * 1e9) ?? [];
		const device = this.difference(rails.length > 0);
		const beside = this.beside(seconds, measured, rails, device);
		const parts = partsOf(measured, beside);
		const processes = this.readers?.moves.read(ran);
		const first = parts.length - beside.length - (parts.at(-1)?.from === 'difference' ? 1 : 0);
		for (const [index, { by, energy_uj }] of beside.entries()) {
			const part = parts[first + index] as MachinePart;
			if (!by || energy_uj === null || !processes || !device) continue;
			part.processes_uj = divide(energy_uj, by, processes, device, charge);
		}
		const total_uj = totalOf(parts);
		if (total_uj !== null) {
			this.total_uj += total_uj;
			this.seconds += seconds;
		}
		return { machine: { parts, total_uj }, bill: this.bill() };
	}

	get missing(): readonly SafeText[] {
		const { rails, moves } = this.readers ?? {};
		return [...(rails?.missing ?? []), ...(moves?.missing ?? [])];
	}

	get hooks(): readonly string[] {
		return this.readers?.moves.hooks ?? [];
	}

	cost(fresh?: boolean): BpfCost {
		return this.readers?.moves.cost(fresh) ?? NO_COST;
	}

	close(): void {
		this.readers?.moves.close();
	}

	private of(name: string): number {
		return Number(this.options[name] ?? 0);
	}

	private moved(rails = false): Moved | undefined {
		const { disk, network } = hasCoefficient(this.options);
		return disk || network || rails ? bytesMoved(this.roots.procRoot, this.roots.sysRoot) : undefined;
	}

	/** Bytes of the hardware in the interval; undefined: not needed, or not known yet. */
	private difference(rails: boolean): Moved | undefined {
		const before = this.last;
		const now = this.moved(rails);
		this.last = now;
		if (!now || !before) return undefined;
		// a device that was unplugged takes its bytes along
		const gained = (key: keyof Moved): number => Math.max(0, now[key] - before[key]);
		return { read: gained('read'), written: gained('written'), network: gained('network') };
	}

	private beside(
		seconds: number,
		{ domains }: MeasuredParts,
		rails: readonly Rail[],
		device: Moved | undefined,
	): Beside[] {
		const measured = (kind: RailKind): boolean => rails.some((rail) => rail.kind === kind);
		// what a rail measures is not estimated too
		const estimated = ({ option }: { option: string }): boolean =>
			!(option.startsWith('disk') && measured('disk')) &&
			!(option.startsWith('network') && measured('network')) &&
			!(option === 'memory-w' && domains.some(({ level }) => level === 'dram'));
		const microjoules = (watts: Watts): MicroJoules => Math.round(watts * seconds * 1e6);
		return [
			...rails.map(({ kind, name, energy_uj }): Beside => ({ name, energy_uj, from: 'counter', ...RAILS[kind] })),
			...PER_GB.filter(estimated).flatMap(({ option, name, by }): Beside[] => {
				const perGb = this.of(option);
				if (perGb <= 0 || !device) return [];
				return [{ name, energy_uj: Math.round((device[by] / 1e3) * perGb), by, from: 'coefficient' }];
			}),
			...AT_REST.filter(estimated).flatMap(({ option, name }): Beside[] => {
				const watts = this.of(option);
				return watts > 0 ? [{ name, energy_uj: microjoules(watts), by: null, from: 'coefficient' }] : [];
			}),
		];
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
