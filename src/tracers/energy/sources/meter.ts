/** Meters outside the processor: hwmon chips, the ACPI power meter, the battery. */
import { join } from 'node:path';
import { Unavailable } from '../../../core/errors.ts';
import { safe, sanitize } from '../../../lib/sanitize.ts';
import { type Battery, NotDischarging, readBatteries } from './battery.ts';
import { type Chip, channelName, channelSampler, type KnownMeter, knownMeter, readChips } from './hwmon.ts';
import { powerSampler } from './sampler.ts';
import { type EnergyHost, type EnergySource, type Meter, readMeters } from './source.ts';
import { whyUnreadable } from './sysfs.ts';

function makeSource(
	rest: Pick<EnergySource, 'description' | 'scope' | 'percent' | 'hooks'>,
	why: string,
	meters: Meter[],
): EnergySource {
	return {
		kind: 'meter',
		...rest,
		hooks: rest.hooks.map(sanitize),
		uncertainty: `±${rest.percent} % (${why})`,
		domains: meters.map(({ domain }) => domain),
		read: (dt) => readMeters(meters, dt),
		close() {},
	};
}

function fromHwmon({ scope, level, channels, percent, why }: KnownMeter): EnergySource {
	const meters = channels.map(
		(channel): Meter => ({
			domain: { name: channelName(channel), package: channel.package, level, counted: true },
			sample: channelSampler(channel),
		}),
	);
	const hooks = channels.map(({ path }) => path);
	return makeSource({ description: `a hardware meter (hwmon): ${scope}`, scope, percent, hooks }, why, meters);
}

/**
 * µW of all batteries that discharge now. Throws what the last of them says where none does, and where one does not deliver:
 * the others alone are not the machine.
 */
function dischargingPower(folder: string): number {
	const { powers, error } = dischargingOf(readBatteries(folder));
	if (powers.length === 0 || !(error instanceof NotDischarging)) throw error;
	return powers.reduce((sum, microwatts) => sum + microwatts, 0);
}

/** One meter for all: batteries take turns, and some are plugged in while we run. */
function fromBatteries(folder: string, batteries: readonly Battery[]): EnergySource {
	const scope = safe`battery: whole machine, only while discharging`;
	const name = sanitize(batteries.map((battery) => battery.name).join('+'));
	const meters: Meter[] = [
		{
			domain: { name, package: null, level: 'machine', counted: true },
			sample: powerSampler(() => dischargingPower(folder)),
		},
	];
	const hooks = batteries.flatMap((battery) => battery.hooks);
	const description = 'power from the battery to the whole machine, including screen and disks';
	return makeSource(
		{ description, scope, percent: 10, hooks },
		'the gauge changes every few seconds, and is read once per interval',
		meters,
	);
}

/** Chips that measure unknown consumers: used on request, never chosen by default. */
function unknownChips(chips: readonly Chip[], others: ReadonlySet<string>): Chip[] {
	const gpu = /^(amdgpu|radeon|nouveau|i915|xe)$/;
	return chips.filter(({ name }) => !gpu.test(name) && !others.has(name));
}

/** µW of batteries that discharge, and why others have none: the reason of a broken one goes before that of an idle one. */
function dischargingOf(batteries: readonly Battery[]): { powers: number[]; reason: string; error: unknown } {
	let reason = '';
	let found: unknown;
	const powers = batteries.flatMap((battery) => {
		try {
			return [battery.power()];
		} catch (error) {
			if (found === undefined || found instanceof NotDischarging) {
				found = error;
				reason = `battery ${sanitize(battery.name)} ${whyUnreadable(error)}`;
			}
			return [];
		}
	});
	return { powers, reason, error: found ?? new NotDischarging('is gone') };
}

/**
 * The best meter: one that is known to measure the processors or the machine, else discharging batteries.
 * @param forced accept a chip with unknown consumers too
 * @throws {Unavailable} without a meter
 */
export function probeMeter(host: Pick<EnergyHost, 'sysRoot'>, forced = false): EnergySource {
	const chips = readChips(join(host.sysRoot, 'class/hwmon'));
	const known = knownMeter(chips);
	if (known) return fromHwmon(known);
	const folder = join(host.sysRoot, 'class/power_supply');
	const batteries = readBatteries(folder);
	const { powers, reason } = dischargingOf(batteries);
	if (powers.length > 0) return fromBatteries(folder, batteries);
	const unknown = unknownChips(chips, new Set(batteries.map(({ name }) => name)));
	const [chip] = unknown;
	const [channel] = chip?.channels ?? [];
	if (forced && chip && channel) {
		const scope = safe`one channel of the hwmon chip ${sanitize(chip.name)}: the consumers are not known`;
		return fromHwmon({
			scope,
			level: 'other',
			channels: [{ ...channel, package: null }],
			percent: 50,
			why: safe`unknown chip`,
		});
	}
	if (batteries.length > 0) throw new Unavailable(reason, 'unplug the mains, or use --source model');
	if (chip) {
		const names = unknown.map(({ name }) => sanitize(name)).join(', ');
		throw new Unavailable(`hwmon has ${names}, but its consumers are not known`, 'use --source meter if you know');
	}
	throw new Unavailable(`no power meter in ${join(host.sysRoot, 'class/hwmon')}, and no battery`, 'use --source model');
}
