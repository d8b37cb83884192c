/**
 * Replaces what names people and their programs when a recording leaves the host: names of processes, control groups,
 * users, hosts and files, command lines and addresses. The same text becomes the same word within one recording, and
 * another one in the next: the key is drawn for each.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Snapshot } from '../core/snapshot.ts';
import { type SafeText, sanitize } from '../lib/sanitize.ts';

/** Fields with one name, and the word that stands for it. */
const NAMES: Readonly<Record<string, string>> = {
	comm: 'proc',
	thread: 'proc',
	user: 'user',
	host: 'host',
	file: 'file',
	path: 'file',
	cmdline: 'cmd',
	command: 'cmd',
	args: 'cmd',
	exe: 'file',
	cwd: 'file',
	who: 'who',
	address: 'addr',
	container: 'group',
	pod: 'group',
	service: 'group',
};
/** Fields with sentences. */
const SENTENCES = new Set([
	'text',
	'subject',
	'filter',
	'refused',
	'marked',
	'reason',
	'about',
	'advice',
	'description',
	'missing',
	'witnesses',
	'why',
	'bpf_why',
	'owner',
	'unowned',
	'target',
	'location',
	'waits_in',
	'lock',
	'stack',
	'owner_stack',
	'frames',
	'gone',
]);
/** Word of a field with one name: `comm`, `victim_comm`. */
const kindOf = (key: string): string | undefined => NAMES[key.endsWith('_comm') ? 'comm' : key];

/** `cgroup`, `limit_cgroup`. */
const isGroup = (key: string): boolean => key === 'unit' || key === 'cgroup' || key.endsWith('_cgroup');

/** Names that are the same on every machine. */
const COMMON = new Set(['', '/', '?', '-', 'root', 'not known', '(ended)', 'all', 'none']);

/** IPv4, IPv6 and MAC; a time of day is none. */
const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?!\d{2}:\d{2}:\d{2}(?![\w:]))[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}/gi;
/** Titles of processes within a sentence: a database writes its users and tables into them. */
const TITLE = /“([^”]*)”/g;
const PATH = /(?:\/[\w.@+-]+){2,}\/?/g;

/** A line of the kernel's log, into which anything is written that drivers and programs have to say; undefined: none. */
function logLine(value: object): string | undefined {
	const { origin, text } = value as { origin?: unknown; text?: unknown };
	return origin === 'kernel-log' && typeof text === 'string' ? text : undefined;
}

/** Texts kept: a storm of names must not fill the memory. */
const MOST = 50_000;
/** Names, and lines of the kernel's log, that are found in sentences. */
const [MOST_NAMES, MOST_LINES] = [5000, 5000];

export class Redaction {
	private readonly key = randomBytes(16);
	private readonly words = new Map<string, SafeText>();
	private pattern: RegExp | undefined;

	/** Take its names: a sentence of an earlier snapshot may have them too. */
	learn(snapshot: Snapshot): void {
		this.collect(snapshot, '');
	}

	snapshot(snapshot: Snapshot): Snapshot {
		this.learn(snapshot);
		return this.replaced(snapshot, '') as Snapshot;
	}

	/** A sentence. */
	text(words: string): SafeText {
		const known = this.patternOfNames();
		const untitled = words.replace(TITLE, (_, title) => `“${this.word('cmd', title)}”`);
		const named = known ? untitled.replace(known, (name) => this.words.get(name) ?? name) : untitled;
		return sanitize(
			named.replace(ADDRESS, (address) => this.word('addr', address)).replace(PATH, (path) => this.path(path)),
		);
	}

	/** A name of its own. */
	word(kind: string, name: string): SafeText {
		if (COMMON.has(name)) return sanitize(name);
		const known = this.words.get(name);
		if (known !== undefined) return known;
		const hash = createHmac('sha256', this.key).update(name).digest('hex').slice(0, 8);
		const word = sanitize(`${kind}-${hash}`);
		if (this.words.size < MOST) {
			this.words.set(name, word);
			this.pattern = undefined;
		}
		return word;
	}

	/** Each part of a path, so that what is below what stays visible. */
	private path(path: string): SafeText {
		// a file that every machine has, in a sentence
		if (path.startsWith('/proc/PID/')) return sanitize(path);
		return sanitize(
			path
				.split('/')
				.map((part) => (part === '' || /^[\w-]+\.slice$/.test(part) ? part : this.word('group', part)))
				.join('/'),
		);
	}

	/** The names in a snapshot, before its sentences are replaced. */
	private collect(value: unknown, key: string): void {
		if (typeof value === 'string') {
			const kind = kindOf(key);
			if (kind !== undefined) this.word(kind, value);
			return;
		}
		if (typeof value !== 'object' || value === null) return;
		const line = logLine(value);
		if (line !== undefined) this.word('log', line);
		for (const [name, item] of Object.entries(value)) this.collect(item, Array.isArray(value) ? key : name);
	}

	private replaced(value: unknown, key: string): unknown {
		if (typeof value === 'string') {
			const kind = kindOf(key);
			if (kind !== undefined) return this.word(kind, value);
			if (isGroup(key)) return this.path(value);
			return SENTENCES.has(key) ? this.text(value) : value;
		}
		if (typeof value !== 'object' || value === null) return value;
		if (Array.isArray(value)) return value.map((item) => this.replaced(item, key));
		const line = logLine(value);
		return Object.fromEntries(
			Object.entries(value).map(([name, item]) => [
				name,
				name === 'text' && line !== undefined ? this.word('log', line) : this.replaced(item, name),
			]),
		);
	}

	/**
	 * Names, the longest first; short ones are words of the language too. Lines of the kernel's log are longer than all names and
	 * may be thousands: of these the newest, which a sentence may quote.
	 */
	private patternOfNames(): RegExp | undefined {
		if (this.pattern) return this.pattern;
		const byLength = (a: string, b: string) => b.length - a.length;
		const [lines, others]: [string[], string[]] = [[], []];
		for (const [name, word] of this.words) if (name.length >= 3) (word.startsWith('log-') ? lines : others).push(name);
		const names = [...others.sort(byLength).slice(0, MOST_NAMES), ...lines.slice(-MOST_LINES)].sort(byLength);
		if (names.length === 0) return undefined;
		const escaped = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
		this.pattern = new RegExp(`(?<![\\w-])(?:${escaped.join('|')})(?![\\w-])`, 'g');
		return this.pattern;
	}
}
