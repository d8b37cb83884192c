/** Report a step on standard error, with the seconds since the start. */
export function step(text: string): void {
	process.stderr.write(`wattlag release: ${process.uptime().toFixed(0).padStart(4)} s  ${text}\n`);
}
