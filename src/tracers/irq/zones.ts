/** The option --irq-zones: three bounds in µs. */
import type { Ns } from '../../lib/units.ts';

/** What is wrong with it; undefined: nothing. */
export function invalidZones(text: string): string | undefined {
	const bounds = text.split(',').map((bound) => (bound.trim() === '' ? Number.NaN : Number(bound)));
	const ascending = bounds.every((bound, index) => bound > (bounds[index - 1] ?? 0) && bound <= 60e6);
	return bounds.length === 3 && ascending ? undefined : `'${text}' is not three ascending times in µs, as 10,100,1000`;
}

/** Bounds between the four zones of softirq lateness, ns. The text has passed {@link invalidZones}. */
export function zonesNs(text: string): [Ns, Ns, Ns] {
	const [first, second, third] = text.split(',').map((bound) => Math.round(Number(bound) * 1000));
	return [first as Ns, second as Ns, third as Ns];
}
