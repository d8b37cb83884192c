/** Records of `/dev/kmsg`: `priority,number,µs,flags[,…];text`, then lines of the dictionary, each with a space first. */
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';

export interface KernelMessage {
	/** 0: the kernel itself. Programs write others, and could forge anything in them. */
	facility: number;
	/** 0 (emergency) to 7 (debug). */
	level: number;
	sequence: number;
	/** CLOCK_MONOTONIC, about: the kernel's own clock of its log. */
	mono_ns: Ns;
	text: SafeText;
	/** `SUBSYSTEM=…`, `DEVICE=…`. */
	dictionary: Readonly<Record<string, SafeText>>;
}

/** The kernel writes bytes outside of ASCII, and backslashes, as `\xNN`. */
function unescapeText(text: string): Uint8Array {
	const bytes: number[] = [];
	for (let at = 0; at < text.length; at++) {
		const escaped = /^\\x([0-9a-f]{2})/.exec(text.slice(at, at + 4))?.[1];
		if (escaped === undefined) bytes.push(text.charCodeAt(at) & 0xff);
		else {
			bytes.push(Number.parseInt(escaped, 16));
			at += 3;
		}
	}
	return Uint8Array.from(bytes);
}

/** undefined: not a record. */
export function parseKernelMessage(record: Uint8Array): KernelMessage | undefined {
	const [first = '', ...lines] = Buffer.from(record).toString('latin1').split('\n');
	const found = /^(\d{1,10}),(\d{1,20}),(\d{1,20}),[^;]*;(.*)$/.exec(first);
	if (!found) return undefined;
	const priority = Number(found[1]);
	const dictionary: Record<string, SafeText> = {};
	for (const line of lines) {
		const pair = /^ ([A-Z_]{1,32})=(.*)$/.exec(line);
		if (pair) dictionary[pair[1] as string] = sanitize(unescapeText(pair[2] as string));
	}
	return {
		facility: priority >> 3,
		level: priority & 7,
		sequence: Number(found[2]),
		mono_ns: Number(found[3]) * 1000,
		text: sanitize(unescapeText(found[4] as string)),
		dictionary,
	};
}
