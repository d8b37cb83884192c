/** Standard output as scripts read it. A reader that closes the pipe (`head`) is no failure; every other write error is one. */
import { sanitize } from '../lib/sanitize.ts';

export class Output {
	/** Resolves when nothing more can be written. */
	readonly broken: Promise<void>;
	private error: NodeJS.ErrnoException | undefined;
	private ended: Promise<number> | undefined;

	constructor() {
		this.broken = new Promise((resolve) => {
			process.stdout.on('error', (error) => {
				this.error ??= error;
				resolve();
			});
		});
	}

	/** Text that does not fit into the pipe is written later. False: the reader is gone. */
	print(text: string): boolean {
		if (this.error === undefined) process.stdout.write(text);
		return this.error === undefined;
	}

	/** Print a part of something long. Resolves when there is room for more: with false when the reader is gone. */
	async write(chunk: string | Uint8Array): Promise<boolean> {
		if (this.error === undefined && !process.stdout.write(chunk))
			await Promise.race([new Promise((resolve) => process.stdout.once('drain', resolve)), this.broken]);
		return this.error === undefined;
	}

	/** Resolves when everything is written, or never will be: with the exit code. Only the first time counts. */
	end(): Promise<number> {
		this.ended ??= this.flush();
		return this.ended;
	}

	private async flush(): Promise<number> {
		const written = new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
		await Promise.race([written, this.broken]);
		if (this.error === undefined || this.error.code === 'EPIPE') return 0;
		process.stderr.write(`wattlag: standard output: ${sanitize(this.error.message)}\n`);
		return 1;
	}
}
