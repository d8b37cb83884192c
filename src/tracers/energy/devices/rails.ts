/**
 * Power rails of disks, network devices and power supplies: hwmon channels beside those of the source. The device that the
 * chip belongs to says what is measured. Chips of other devices may measure anything and are left out.
 */
import { join } from 'node:path';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns } from '../../../lib/units.ts';
import { type Channel, type Chip, channelName, channelSampler, readChips } from '../sources/hwmon.ts';
import type { Sampler } from '../sources/sampler.ts';
import { list } from '../sources/sysfs.ts';

export type RailKind = 'disk' | 'network' | 'psu';

export interface Rail {
	kind: RailKind;
	name: SafeText;
	energy_uj: MicroJoules | null;
}

/** Drivers of power supplies, most of them on PMBus or IPMI. A supply feeds everything: it contains the other parts. */
const SUPPLIES =
	/^(corsairpsu|nzxt|ibm-cffps\d*|cffps\d*|dps\w*|dps-\w+|pfe\w*|bel-pfe|fsp-?\w*|inspur-ipsps\d*|acbel\w*|crps\w*|q54sj\w*|pmbus_psu|psu\w*)$/i;
/** Of PMBus supplies, power drawn from the mains; else their output. */
const INPUT = /^(pin\d*|power in|power total|total|input)$/i;
const OUTPUT = /^(pout\d*|power out|output)$/i;
/** Where the kernel shows a baseboard controller: its interface, its driver, and the table of the firmware (SMBIOS type 38). */
const CONTROLLERS = ['class/ipmi', 'bus/platform/drivers/dmi-ipmi-si', 'firmware/dmi/entries/38-0'];
/** Chips are looked for again after so many reads: devices are plugged in and out. */
const AGAIN = 30;

/** What a chip's device is; null: neither. */
function kindOf({ directory, name }: Chip): RailKind | null {
	const device = join(directory, 'device');
	if (list(join(device, 'net')).length > 0) return 'network';
	if (list(join(device, 'nvme')).length > 0 || list(join(device, 'block')).length > 0) return 'disk';
	// the chip of a network or NVMe controller may hang below it
	if (/^nvme\d+$/.test(name) || name === 'nvme' || name === 'drivetemp') return 'disk';
	return SUPPLIES.test(name) ? 'psu' : null;
}

/** One channel of a chip: rails of one device overlap. */
function channelOf(chip: Chip, kind: RailKind): Channel | undefined {
	const { channels } = chip;
	if (kind !== 'psu') return channels[0];
	return (
		channels.find(({ label }) => INPUT.test(label)) ??
		channels.find(({ label }) => OUTPUT.test(label)) ??
		(channels.length === 1 ? channels[0] : undefined)
	);
}

interface Meter {
	path: string;
	kind: RailKind;
	name: SafeText;
	sample: Sampler;
}

export class Rails {
	private readonly folder: string;
	private readonly taken: ReadonlySet<string>;
	private meters: Meter[] = [];
	private reads = 0;

	/** @param taken files that the source of power reads */
	constructor(sysRoot: string, taken: readonly string[]) {
		this.folder = join(sysRoot, 'class/hwmon');
		this.taken = new Set(taken);
		this.find();
	}

	/** Has the machine any rail of this kind? */
	has(kind: RailKind): boolean {
		return this.meters.some((meter) => meter.kind === kind);
	}

	/** Power that could be measured, and is not. */
	get missing(): readonly SafeText[] {
		const read = this.has('psu') || [...this.taken].some((path) => path.startsWith(this.folder));
		if (read || !CONTROLLERS.some((path) => list(join(this.folder, '../..', path)).length > 0)) return [];
		return [
			safe`the baseboard controller (IPMI) has no driver of the kernel that publishes its power in hwmon (acpi_power_meter, ibmaem, ibmpex): it is not read; ipmitool dcmi power reading shows it`,
		];
	}

	/** The interval that ends now. Rails that failed have null. */
	read(dt: Ns): Rail[] {
		const rails = this.meters.map(({ kind, name, sample }): Rail => ({ kind, name, energy_uj: sample(dt).uj }));
		if (++this.reads % AGAIN === 0) this.find();
		return rails;
	}

	private find(): void {
		const known = new Map(this.meters.map((meter) => [meter.path, meter]));
		const chips = readChips(this.folder);
		this.meters = chips.flatMap((chip): Meter[] => {
			const kind = kindOf(chip);
			const channel = kind === null ? undefined : channelOf(chip, kind);
			if (kind === null || channel === undefined || this.taken.has(channel.path)) return [];
			const device = list(join(chip.directory, 'device', kind === 'network' ? 'net' : 'block'))[0];
			const words = { disk: safe`disk`, network: safe`network`, psu: safe`power supply` };
			const name = safe`${words[kind]} ${sanitize(device ?? chip.name)} (${channelName(channel)})`;
			return [known.get(channel.path) ?? { path: channel.path, kind, name, sample: channelSampler(channel) }];
		});
	}
}
