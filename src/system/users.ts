/** Names of users by number: from a file like `/etc/passwd`, and by the system's other databases (NSS). */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** Bytes of the name of a user; none: there is none. */
export type UserLookup = (uid: number) => Promise<Uint8Array>;

/** Numbers that are remembered: with user namespaces anyone may have 65,536 of them. */
const MOST = 4096;
/** Numbers that wait for an answer; further ones are asked for again when they are shown again. */
const MOST_WAITING = 64;

/** Of the C library: root's on every system. */
const GETENT = '/usr/bin/getent';
/** A server that does not answer is not waited for, ms. */
const PATIENCE = 5000;

/**
 * In a process of its own: a database may be a server that takes seconds, and its modules stay out of this process. None where
 * there is no getent.
 */
export const askSystem: UserLookup = (uid) =>
	new Promise((resolve) => {
		const options = { encoding: 'buffer', timeout: PATIENCE, killSignal: 'SIGKILL', env: {}, cwd: '/' } as const;
		execFile(GETENT, ['passwd', String(uid)], options, (error, entry) => {
			const end = error ? -1 : entry.indexOf(':');
			resolve(end > 0 ? entry.subarray(0, end) : new Uint8Array());
		}).unref();
	});

/**
 * From the file, read once; the number where it has no name, `?` where the number is not known (-1). A name of another
 * database is there some time after it was asked for first: one question at a time.
 */
export class Users {
	private readonly names = new Map<number, SafeText>();
	private readonly lookup: UserLookup;
	/** Of the databases; the number itself where they have none. */
	private readonly found = new Map<number, SafeText>();
	private readonly waiting = new Set<number>();
	private asking = false;
	/** Counts the names that databases gave: rows of before have numbers. */
	answers = 0;

	constructor(file = '/etc/passwd', lookup = askSystem) {
		this.lookup = lookup;
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
		if (uid < 0) return safe`?`;
		const known = this.names.get(uid) ?? this.found.get(uid);
		if (known !== undefined) return known;
		if (this.waiting.size < MOST_WAITING) {
			this.waiting.add(uid);
			void this.ask();
		}
		return safe`${uid}`;
	}

	private async ask(): Promise<void> {
		if (this.asking) return;
		this.asking = true;
		for (const uid of this.waiting) {
			let name: Uint8Array;
			try {
				name = await this.lookup(uid);
			} catch {
				name = new Uint8Array();
			}
			this.waiting.delete(uid);
			if (this.found.size >= MOST) this.found.clear();
			this.found.set(uid, name.length > 0 ? sanitize(name) : safe`${uid}`);
			if (name.length > 0) this.answers++;
		}
		this.asking = false;
	}
}
