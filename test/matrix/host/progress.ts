/** What is being done, on standard error: the table alone is on standard output. */
const begun = performance.now();

export function progress(text: string): void {
	const seconds = Math.round((performance.now() - begun) / 1000);
	process.stderr.write(
		`matrix ${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}  ${text}\n`,
	);
}
