/** Times as users type them → wall clock. Pure; local time, as the screen shows it. */

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, min: 60e3, h: 3600e3, d: 86_400e3 };

/**
 * `14:02`, `14:02:10`, `2026-01-02 14:02:10`, `-5m`, `+30s`. A time of day is the one nearest to the moment shown that was
 * recorded, else the nearest.
 * @param shown moment shown, ms; `first` and `last` bound what was recorded
 * @returns ms; undefined: not a time
 */
export function parseTime(text: string, shown: number, first: number, last: number): number | undefined {
	const words = text.trim();
	const [, sign, amount, unit] = /^([+-])\s*(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h|d)$/.exec(words) ?? [];
	if (amount !== undefined) return shown + Number(`${sign}1`) * Number(amount) * (UNITS[unit as string] ?? 0);
	const [, date, hours, minutes, seconds = '0'] =
		/^(?:(\d{4}-\d{2}-\d{2})[ T]+)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(words) ?? [];
	if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
	const at = (day: Date): number => {
		const time = new Date(day);
		time.setHours(Number(hours), Number(minutes), Number(seconds), 0);
		return time.getTime();
	};
	if (date !== undefined) {
		const day = new Date(`${date}T00:00:00`);
		return Number.isNaN(day.getTime()) ? undefined : at(day);
	}
	const candidates: number[] = [at(new Date(shown))];
	for (let day = new Date(first); day.getTime() < last + 86_400e3 && candidates.length < 400; ) {
		candidates.push(at(day));
		day = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
	}
	const away = (time: number) => Math.abs(time - shown);
	const recorded = candidates.filter((time) => time >= first - 60e3 && time <= last + 60e3);
	return (recorded.length > 0 ? recorded : candidates).reduce((best, time) => (away(time) < away(best) ? time : best));
}
