/** How far work is that takes longer than a moment, on standard error: results are on standard output. */
/** Before that nothing is printed, ms. */
const FIRST_MS = 1500;
/** Between two texts on a terminal, and between two lines elsewhere, ms. */
const TEXT_MS = 200;
const LINE_MS = 10_000;

/** Where the lines go: standard error. */
export interface ProgressTarget {
	isTTY?: boolean | undefined;
	write(text: string): unknown;
}

export class ProgressLine {
	private readonly words: string;
	private readonly target: ProgressTarget;
	private readonly now: () => number;
	private readonly began: number;
	private next: number;
	private printed = false;

	/** @param words what is done: `comparing` @param now monotonic, ms */
	constructor(words: string, target: ProgressTarget = process.stderr, now: () => number = () => performance.now()) {
		this.words = words;
		this.target = target;
		this.now = now;
		this.began = now();
		this.next = this.began + FIRST_MS;
	}

	/** @param part what is done, 0–1 */
	update(part: number): void {
		const now = this.now();
		if (now < this.next) return;
		const terminal = this.target.isTTY === true;
		this.next = now + (terminal ? TEXT_MS : LINE_MS);
		const left = part > 0 ? `, ${Math.ceil(((now - this.began) * (1 - part)) / part / 1000)} s left` : '';
		const text = `wattlag: ${this.words}: ${Math.floor(part * 100)}%${left}`;
		this.target.write(terminal ? `\r${text}\x1b[K` : `${text}\n`);
		this.printed = terminal;
	}

	/** What follows begins at the start of an empty line. */
	end(): void {
		if (this.printed) this.target.write('\r\x1b[K');
		this.printed = false;
	}
}
