/** Colours of severities, on every tab the same. */
import type { Role } from '../../term/theme.ts';
import type { EventSeverity } from '../../tracers/events/snapshot.ts';

/** Of events; findings have the same levels, without `normal`. */
export const severityRole = {
	severe: 'bad',
	high: 'warn',
	notice: 'accent',
	normal: 'dim',
} as const satisfies Readonly<Record<EventSeverity, Role>>;
