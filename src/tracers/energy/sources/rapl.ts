/**
 * The processor's energy counters through powercap (`/sys/class/powercap`). Intel and AMD both use the name `intel-rapl`;
 * another interface (`intel-rapl-mmio`) may list the same package again, which is read once.
 */
import { join } from 'node:path';
import { BECOME_ROOT, Unavailable } from '../../../core/errors.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import { counterAccuracy } from './processor.ts';
import { counterSampler } from './sampler.ts';
import { type EnergyDomain, type EnergyHost, type EnergySource, type Level, readMeters } from './source.ts';
import { isDenied, list, readCounter, readText, whyUnreadable } from './sysfs.ts';

interface Zone {
	/** `intel-rapl`, `intel-rapl-mmio`, …: one interface to the counters. */
	control: string;
	directory: string;
	domain: EnergyDomain;
	/** Why its counter is unreadable; undefined: it is readable. */
	failure: unknown;
}

/** `intel-rapl:0` is a zone of the control type `intel-rapl`, `intel-rapl:0:2` its third subzone. */
const zoneName = /^((?:intel-rapl|amd)[\w-]*)((?::\d+)+)$/;

const counted: readonly Level[] = ['package', 'dram'];
const subzones: readonly string[] = ['core', 'uncore', 'dram'];

/** Level and package from the kernel's names: `package-1-die-0`, `psys`, `psys-1`, and `dram` within a package. */
function identify(own: string, parent: string | undefined): { level: Level; package: number | null } {
	const level = /^psys(-\d+)?$/.test(own) ? 'psys' : own.startsWith('package-') ? 'package' : 'other';
	const number = /^package-(\d{1,6})(?:-die-\d+)?$/.exec(parent ?? own)?.[1];
	if (number === undefined) return { level: level === 'psys' ? level : 'other', package: null };
	return {
		level: parent === undefined ? level : subzones.includes(own) ? (own as Level) : 'other',
		package: Number(number),
	};
}

function describe(control: string, path: string, directory: string): Zone {
	const own = readText(join(directory, 'name'));
	const parent =
		path.split(':').length > 2
			? readText(join(directory, '..', control + path.slice(0, path.lastIndexOf(':')), 'name'))
			: undefined;
	const { level, package: number } = identify(own, parent);
	const name = sanitize(parent === undefined ? own : `${parent} ${own}`);
	const domain = { name, package: number, level, counted: counted.includes(level) };
	try {
		readCounter(join(directory, 'energy_uj'));
	} catch (failure) {
		return { control, directory, domain, failure };
	}
	return { control, directory, domain, failure: undefined };
}

/** Of several interfaces to a level of a package, the one with most readable counters; of equal ones the MSR. */
function withoutDuplicates(zones: readonly Zone[]): Zone[] {
	const groups = Map.groupBy(zones, ({ domain: { level, package: number, name } }) => `${level} ${number ?? name}`);
	return [...groups.values()].flatMap((group) => {
		const interfaces = [...Map.groupBy(group, (zone) => zone.control).values()];
		const readable = (members: Zone[]): number => members.filter((zone) => zone.failure === undefined).length;
		const plain = (members: Zone[]): number => (members[0]?.control === 'intel-rapl' ? 1 : 0);
		interfaces.sort((a, b) => readable(b) - readable(a) || plain(b) - plain(a));
		return interfaces[0] ?? [];
	});
}

function findZones(powercap: string): Zone[] {
	const zones: Zone[] = [];
	let hidden: unknown;
	for (const entry of list(powercap)) {
		const [, control, path] = zoneName.exec(entry) ?? [];
		if (control === undefined || path === undefined) continue;
		try {
			zones.push(describe(control, path, join(powercap, entry)));
		} catch (error) {
			hidden = error;
		}
	}
	if (zones.length > 0) return withoutDuplicates(zones);
	if (hidden !== undefined) {
		throw new Unavailable(
			`${powercap} names RAPL zones, but they are hidden here, as containers do`,
			'run wattlag on the host, or the container with --security-opt systempaths=unconfined',
			hidden,
		);
	}
	throw new Unavailable(
		`no RAPL zone in ${powercap}: usual in virtual machines`,
		'on real hardware: sudo modprobe intel_rapl_msr; in a virtual machine: run wattlag on the host',
	);
}

function refuse(zones: readonly Zone[]): never {
	const zone = zones.find(({ domain }) => domain.counted);
	if (!zone) {
		throw new Unavailable(
			`RAPL has no package counter here, only ${zones.map(({ domain }) => domain.name).join(', ')}`,
			'use --source meter or --source model',
		);
	}
	if (isDenied(zone.failure)) {
		throw new Unavailable(`${zone.directory}/energy_uj is readable by root only`, BECOME_ROOT, zone.failure);
	}
	throw new Unavailable(
		`${zone.domain.name}: energy_uj ${whyUnreadable(zone.failure)}`,
		'try --source pmu or --source model',
		zone.failure,
	);
}

/** A missing, broken or zero size makes the sampler mark decreases instead of guessing. */
function readRange(directory: string): bigint | null {
	try {
		return readCounter(join(directory, 'max_energy_range_uj'));
	} catch {
		return null;
	}
}

/** @throws {Unavailable} where no package is readable */
export function probeRapl(host: Pick<EnergyHost, 'sysRoot' | 'procRoot'>): EnergySource {
	const zones = findZones(join(host.sysRoot, 'class/powercap'));
	if (!zones.some(({ domain, failure }) => domain.level === 'package' && failure === undefined)) refuse(zones);
	const meters = zones.map(({ domain, directory }) => ({
		domain,
		sample: counterSampler(() => readCounter(join(directory, 'energy_uj')), {
			range: readRange(directory),
			neverStill: domain.level === 'package',
		}),
	}));
	const dram = zones.some(({ domain }) => domain.level === 'dram');
	const scope: SafeText = dram ? safe`CPU packages + DRAM` : safe`CPU packages`;
	return {
		kind: 'rapl',
		description: `energy counters of the processor (RAPL), ${scope}; disks, fans, screen and power supply are not in it`,
		...counterAccuracy(host.procRoot, dram),
		scope,
		hooks: zones.map(({ directory }) => sanitize(join(directory, 'energy_uj'))),
		domains: zones.map(({ domain }) => domain),
		read: (dt) => readMeters(meters, dt),
		close() {},
	};
}
