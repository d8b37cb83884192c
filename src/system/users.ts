/** Names of users by number. */
import { readFileSync } from 'node:fs';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** From a file like `/etc/passwd`, read once; the number where it has no name, `?` where the number is not known (-1). */
export class Users {
	private readonly names = new Map<number, SafeText>();

	constructor(file = '/etc/passwd') {
		try {
			for (const line of readFileSync(file, 'utf8').split('\n')) {
				const [name, , uid] = line.split(':');
				if (name && uid && /^\d+$/.test(uid) && !this.names.has(Number(uid)))
					this.names.set(Number(uid), sanitize(name));
			}
		} catch {
			// numbers are shown then
		}
	}

	name(uid: number): SafeText {
		return uid < 0 ? safe`?` : (this.names.get(uid) ?? safe`${uid}`);
	}
}
