/** What makes no sense together: each a {@link UsageError} that says what to leave out. */
import { UsageError } from '../core/errors.ts';

export type Mode = 'live' | 'batch' | 'compare' | 'doctor' | 'slices' | 'replay';

/** How the user asks for a mode; live is what is left. */
const asked: Record<Exclude<Mode, 'live'>, string> = {
	batch: '--batch',
	compare: 'compare --live',
	doctor: 'doctor',
	slices: '-v',
	replay: 'replay',
};

/** Options of the command line that do something in these modes only. */
const belongings: Readonly<Record<string, readonly Mode[]>> = {
	json: ['batch', 'compare', 'doctor'],
	iterations: ['batch'],
	limit: ['batch', 'compare'],
	'fail-if': ['batch'],
	rate: ['slices'],
	duration: ['compare', 'slices'],
	tab: ['live', 'batch', 'replay'],
	sort: ['live', 'batch', 'replay'],
	group: ['live', 'batch', 'replay'],
	filter: ['live', 'batch', 'replay'],
};

/** Of these one decides what is measured, and the other would be passed over. */
const rivals: readonly (readonly [string, string])[] = [
	['full-path', 'device-only'],
	['culprits', 'system-only'],
	['file', 'directory'],
];

/** The one mode of those asked for. */
export function modeOf(wanted: readonly Exclude<Mode, 'live'>[]): Mode {
	const [mode = 'live', other] = wanted;
	if (mode !== 'live' && other !== undefined)
		throw new UsageError(`${asked[mode]} and ${asked[other]} exclude each other: leave one out`);
	return mode;
}

export function checkCombinations(
	mode: Mode,
	flags: Readonly<Record<string, unknown>>,
	value: (option: string) => unknown,
): void {
	for (const [option, modes] of Object.entries(belongings)) {
		if (flags[option] === undefined || flags[option] === false || modes.includes(mode)) continue;
		if (mode !== 'live') throw new UsageError(`--${option} does not go with ${asked[mode]}: leave it out`);
		throw new UsageError(
			`--${option} needs ${modes.flatMap((one) => (one === 'live' ? [] : [asked[one]])).join(' or ')}`,
		);
	}
	for (const [one, other] of rivals) {
		if (value(one) && value(other)) throw new UsageError(`--${one} and --${other} exclude each other: leave one out`);
	}
	const [idle, power] = [value('idle'), value('power')];
	if (Number(idle) > Number(power))
		throw new UsageError(`--idle: ${idle} W is more than --power, ${power} W with all CPUs busy`);
	const policy = flags['policy'];
	if (value('seed-compatible') && policy !== undefined && policy !== 'seed')
		throw new UsageError(`--seed-compatible and --policy ${policy} exclude each other: leave one out`);
}
