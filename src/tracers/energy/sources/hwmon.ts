/** Energy and power channels of hwmon chips (`/sys/class/hwmon`), and a table of known chips. */
import { join } from 'node:path';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import { counterSampler, powerSampler, type Sampler } from './sampler.ts';
import type { Level } from './source.ts';
import { list, readCounter, readNumber, readOptional } from './sysfs.ts';

export interface Channel {
	/** The file that is read. */
	path: string;
	/** An energy counter (µJ), or a power (µW) to be integrated. */
	kind: 'energy' | 'power';
	/** The driver's name for it (`Esocket0`, `VDD_IN`); often empty. */
	label: string;
}

export interface Chip {
	directory: string;
	/** The driver's name: `amd_energy`, `power_meter`. */
	name: string;
	/** In the order of preference: energy counters first, then powers averaged by the chip, then momentary ones. */
	channels: Channel[];
}

const files = [/^energy(\d+)_input$/, /^power(\d+)_average$/, /^power(\d+)_input$/] as const;

function readChip(directory: string): Chip {
	const names = list(directory);
	const channels = files.flatMap((file) =>
		names.flatMap((entry): Channel[] => {
			const number = file.exec(entry)?.[1];
			if (number === undefined) return [];
			const kind = entry.startsWith('energy') ? 'energy' : 'power';
			return [
				{ path: join(directory, entry), kind, label: readOptional(join(directory, `${kind}${number}_label`)) ?? '' },
			];
		}),
	);
	return { directory, name: readOptional(join(directory, 'name')) ?? '', channels };
}

/** Chips that have an energy or power channel. */
export function readChips(folder: string): Chip[] {
	return list(folder)
		.map((entry) => readChip(join(folder, entry)))
		.filter((chip) => chip.channels.length > 0);
}

export function channelSampler(channel: Channel): Sampler {
	return channel.kind === 'energy'
		? counterSampler(() => readCounter(channel.path))
		: powerSampler(() => readNumber(channel.path));
}

export interface KnownMeter {
	scope: SafeText;
	level: Level;
	/** Channels that are added up: they do not overlap. */
	channels: (Channel & { package: number | null })[];
	percent: number;
	/** The reason for the uncertainty. */
	why: SafeText;
}

interface Kind {
	chip: RegExp;
	/** Label of the channels; its group is the number of the package. Left out: the first channel. */
	label?: RegExp;
	scope: SafeText;
	level: Level;
	/** Each chip measures another part; else the first chip measures everything. */
	each?: boolean;
	percent: number;
	why: SafeText;
}

const sampled = safe`power is read once per interval`;
const machine = { scope: safe`whole machine`, level: 'machine', percent: 10, why: sampled } as const;

/** Chips that are known to measure the processors or the machine. Any other may measure a fan, a disk or a single rail. */
const kinds: readonly Kind[] = [
	{
		chip: /^amd_energy$/,
		label: /^Esocket(\d+)$/,
		scope: safe`CPU packages`,
		level: 'package',
		percent: 10,
		why: safe`the processor estimates from its activity`,
	},
	{ ...machine, chip: /^(acpi_)?power_meter$/, scope: safe`whole machine (ACPI power meter)` },
	{ ...machine, chip: /^aem\d*$/ },
	{ ...machine, chip: /^ibmpowernv$/, label: /^System/ },
	{ ...machine, chip: /^corsairpsu$/, label: /^power total$/, scope: safe`whole machine, behind the power supply` },
	{ ...machine, chip: /^ina3221$/, label: /^(VDD_IN|POM_5V_IN)$/, scope: safe`whole board` },
	{ chip: /^fam15h_power$/, scope: safe`CPU packages`, level: 'package', each: true, percent: 10, why: sampled },
];

function select(kind: Kind, chip: Chip): KnownMeter['channels'] {
	const matching = chip.channels.filter(({ label }) => !kind.label || kind.label.test(label));
	// energy counters come first; a power beside them would count the same energy again
	const best = matching.filter((channel) => channel.kind === matching[0]?.kind);
	const numbered = best.map((channel) => {
		const number = kind.label?.exec(channel.label)?.[1];
		return { ...channel, package: number !== undefined && /^\d+$/.test(number) ? Number(number) : null };
	});
	return numbered.some((channel) => channel.package !== null) ? numbered : numbered.slice(0, 1);
}

/** ACPI meters may state their accuracy in percent: `power1_accuracy` reads `95.0%`. */
function statedError(channel: Channel | undefined): number | null {
	const accuracy = /^(\d{1,3}(?:\.\d+)?)%$/.exec(
		readOptional(channel?.path.replace(/_[a-z]+$/, '_accuracy') ?? '') ?? '',
	)?.[1];
	const error = 100 - Number(accuracy);
	return error > 0 && error < 100 ? error : null;
}

/** The best meter among the chips, or null. */
export function knownMeter(chips: readonly Chip[]): KnownMeter | null {
	for (const kind of kinds) {
		const selections = chips.filter((chip) => kind.chip.test(chip.name)).map((chip) => select(kind, chip));
		const used = selections
			.filter((channels) => channels.length > 0)
			.slice(0, kind.each ? Number.POSITIVE_INFINITY : 1);
		const channels = used.flat();
		if (channels.length === 0) continue;
		const stated = statedError(channels[0]);
		const { scope, level } = kind;
		const percent = stated ?? kind.percent;
		return {
			scope,
			level,
			channels,
			percent,
			why: stated ? safe`by the meter's own statement; ${kind.why}` : kind.why,
		};
	}
	return null;
}

export function channelName(channel: Channel): SafeText {
	return sanitize(channel.label || channel.path.split('/').slice(-2).join('/'));
}
