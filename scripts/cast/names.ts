/** Replaces facts about the recorded machine: names of processes outside of the load, and the build of the kernel. */
import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Frame } from './screen.ts';

/** Names that say nothing about a machine. */
const COMMON =
	/^(wattlag|stress-ng.*|fio|sh|bash|dash|node|npm|sleep|sudo|su|sshd.*|systemd.*|\(sd-pam\)|cron|agetty|dbus-daemon|rsyslogd|chronyd|dockerd|containerd.*)$/;

function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		// it ended
		return '';
	}
}

function folders(path: string): string[] {
	try {
		return readdirSync(path).filter((name) => /^\d+$/.test(name));
	} catch {
		return [];
	}
}

/** Names that were seen so far and are to be replaced, in the order in which they were seen. */
export class Names {
	private readonly foreign: Set<string>;

	constructor(foreign: Iterable<string> = []) {
		this.foreign = new Set(foreign);
	}

	/** Note the names of all tasks that run now. Kernel threads, which have no command line, keep theirs. */
	note(): void {
		for (const pid of folders('/proc')) {
			if (read(`/proc/${pid}/cmdline`) === '') continue;
			for (const tid of folders(`/proc/${pid}/task`)) {
				const name = read(`/proc/${pid}/task/${tid}/comm`).trimEnd();
				if (name.length > 1 && !COMMON.test(name)) this.foreign.add(name);
			}
		}
	}

	/** The frame with another name of the same length for every foreign one. */
	replace(frame: Frame): Frame {
		const names = [...this.foreign].map((name, index) => [name, standIn(index, name.length)] as const);
		names.push([release(), plainRelease(release())]);
		// a name may contain another one
		names.sort(([a], [b]) => b.length - a.length);
		const patterns = names.map(([name, other]) => [wholeWord(name), other] as const);
		const clean = (text: string): string =>
			patterns.reduce((all, [word, other]) => all.replace(word, () => other), text);
		return { rows: frame.rows.map((row) => row.map((run) => ({ ...run, text: clean(run.text) }))) };
	}
}

/** The name where it is no part of a longer word. */
function wholeWord(name: string): RegExp {
	return new RegExp(`(?<![\\w-])${name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}(?![\\w-])`, 'gu');
}

/** `process-3`, in as many characters as asked. */
function standIn(index: number, length: number): string {
	const number = String(index + 1);
	return `${'process-'.slice(0, Math.max(0, length - number.length))}${number}`.slice(0, length).padEnd(length);
}

/** `6.18.44-generic`, in as many characters. */
function plainRelease(text: string): string {
	const version = /^[\d.]+/.exec(text)?.[0] ?? '';
	return `${version}-generic`.slice(0, text.length).padEnd(text.length);
}
