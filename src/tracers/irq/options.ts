/** Options of the interrupt tab. */
import type { OptionSpec, Options } from '../../core/tracer.ts';
import type { Ns } from '../../lib/units.ts';
import type { StormBounds } from './snapshot.ts';

const DEFAULT_ZONES = '10,100,1000';
const DEFAULT_STORM = { rate: 20_000, percent: 25 };

/** Checks --irq-zones, three bounds in µs: the error, or undefined. */
export function invalidZones(text: string): string | undefined {
	const bounds = text.split(',').map((bound) => (bound.trim() === '' ? Number.NaN : Number(bound)));
	const ascending = bounds.every((bound, index) => bound > (bounds[index - 1] ?? 0) && bound <= 60e6);
	return bounds.length === 3 && ascending ? undefined : `'${text}' is not three ascending times in µs, as 10,100,1000`;
}

/** Bounds between the four zones of softirq lateness, ns. The text must have passed {@link invalidZones}. */
export function zonesNs(text: string): [Ns, Ns, Ns] {
	const [first, second, third] = text.split(',').map((bound) => Math.round(Number(bound) * 1000));
	return [first as Ns, second as Ns, third as Ns];
}

export function lateZones(options: Options): [Ns, Ns, Ns] {
	return zonesNs(String(options['irq-zones'] ?? DEFAULT_ZONES));
}

export function stormBounds(options: Options): StormBounds {
	return {
		rate: Number(options['irq-storm-rate'] ?? DEFAULT_STORM.rate),
		share: Number(options['irq-storm-share'] ?? DEFAULT_STORM.percent) / 100,
	};
}

export const irqOptions: readonly OptionSpec[] = [
	{
		name: 'irq-zones',
		type: 'string',
		default: DEFAULT_ZONES,
		placeholder: 'US,US,US',
		help: 'bounds between the zones of softirq lateness (raise to entry), µs',
		invalid: invalidZones,
	},
	{
		name: 'irq-storm-rate',
		type: 'number',
		default: DEFAULT_STORM.rate,
		min: 1,
		placeholder: 'N',
		help: 'a storm: this many interrupts of one line per second on one CPU',
	},
	{
		name: 'irq-storm-share',
		type: 'number',
		default: DEFAULT_STORM.percent,
		min: 1,
		max: 100,
		placeholder: 'PERCENT',
		help: 'a storm as well: this share of one CPU in one line',
	},
];
