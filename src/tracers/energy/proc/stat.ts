/** Parsers of `/proc/PID/stat`, `/proc/stat` and similar files, from bytes to numbers without strings. */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Count, Ns } from '../../../lib/units.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** One line of `/proc/PID/stat`; one object is reused for all lines. */
export interface ProcessStat {
	/** Offset of the name in the line, between the first `(` and the last `)`. */
	commStart: number;
	commEnd: number;
	/** `R`, `S`, `Z`, … as a byte. */
	state: number;
	/** User and system time of all its threads, including ended ones; clock ticks. */
	cpu: number;
	threads: Count;
	/** Since boot, clock ticks. */
	start: number;
}

export function emptyProcessStat(): ProcessStat {
	return { commStart: 0, commEnd: 0, state: 0, cpu: 0, threads: 0, start: 0 };
}

/**
 * Parse a line of `/proc/PID/stat`. The name may contain anything, including brackets, spaces and newlines; the fields
 * after it never contain a bracket, so the last `)` ends it.
 * @returns false for any other or a truncated line; `into` is undefined then
 */
export function parseProcessStat(line: Buffer, length: number, into: ProcessStat): boolean {
	// at most 10 digits of a pid and a space
	let open = 0;
	while (line[open] !== 0x28) if (++open > 12 || open >= length) return false;
	// not below 0, and not beyond `length`, where an earlier, longer line left bytes
	const close = length > 0 ? line.lastIndexOf(0x29, length - 1) : -1;
	if (close <= open || line[close + 1] !== SPACE) return false;
	into.commStart = open + 1;
	into.commEnd = close;
	into.state = line[close + 2] as number;

	let value = 0;
	let digits = 0;
	let field = 4;
	for (let at = close + 4; at < length; at++) {
		const byte = line[at] as number;
		if (byte >= ZERO && byte <= NINE) {
			value = value * 10 + (byte - ZERO);
			digits++;
			continue;
		}
		if (byte === MINUS && digits === 0) {
			// only fields that are not needed may be negative
			value = Number.NaN;
			continue;
		}
		if (byte !== SPACE || digits === 0) return false;
		if (field === 14) into.cpu = value;
		else if (field === 15) into.cpu += value;
		else if (field === 20) into.threads = value;
		else if (field === 22) {
			into.start = value;
			return Number.isSafeInteger(into.cpu) && Number.isSafeInteger(into.threads) && Number.isSafeInteger(value);
		}
		field++;
		value = 0;
		digits = 0;
	}
	return false;
}

/** Times of all CPUs together; the unit is the caller's. */
export interface MachineTimes {
	/** Everything but idle, IO wait and steal: tasks (guests included) and interrupts. */
	busy: number;
	idle: number;
	/** Idle while a task of that CPU waits for IO. */
	iowait: number;
	/** Part of `busy`. */
	irq: number;
	/** Part of `busy`. */
	softirq: number;
	/** The hypervisor ran another virtual machine. */
	steal: number;
}

/**
 * The first line of `/proc/stat`, clock ticks since boot. Guest time is in user time already.
 * @returns undefined for any other line
 */
export function parseMachineStat(text: Buffer, length: number): MachineTimes | undefined {
	const end = text.indexOf(NEWLINE);
	if (end < 0 || end >= length) return undefined;
	const [label, ...fields] = text.toString('latin1', 0, end).trim().split(/ +/);
	const times = fields.map(Number);
	if (label !== 'cpu' || times.length < 4 || !times.every((time) => Number.isSafeInteger(time) && time >= 0))
		return undefined;
	const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = times;
	return { busy: user + nice + system + irq + softirq, idle, iowait, irq, softirq, steal };
}

/** Hard interrupts and softirqs of each CPU from the text of `/proc/stat`, clock ticks since boot, by CPU number. */
export function parseCpuIrq(text: string): Map<number, number> {
	const times = new Map<number, number>();
	for (const [, cpu, fields] of text.matchAll(/^cpu(\d{1,5}) (.*)$/gm)) {
		const [, , , , , irq = Number.NaN, softirq = Number.NaN] = (fields as string).trim().split(/ +/).map(Number);
		if (Number.isSafeInteger(irq + softirq)) times.set(Number(cpu), irq + softirq);
	}
	return times;
}

const AT_CLKTCK = 17;

/**
 * Clock ticks per second in the numbers of `/proc`, from the kernel's auxiliary vector of this process (AT_CLKTCK; the C
 * library's `sysconf(_SC_CLK_TCK)` and `getconf CLK_TCK` return this value). 100 for a process that may not read its own
 * vector: USER_HZ on every architecture that Node supports.
 */
export function clockTicksPerSecond(): number {
	try {
		const vector = readFileSync('/proc/self/auxv');
		const wide = !['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch);
		const little = endianness() === 'LE';
		const word = (at: number): number => {
			if (wide) return Number(little ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at));
			return little ? vector.readUInt32LE(at) : vector.readUInt32BE(at);
		};
		const size = wide ? 8 : 4;
		for (let at = 0; at + 2 * size <= vector.length; at += 2 * size) {
			const ticks = word(at + size);
			if (word(at) === AT_CLKTCK && ticks > 0) return ticks;
		}
	} catch {
		// a process that is not dumpable
	}
	return 100;
}

/** Clock ticks → ns. */
export function ticksToNs(ticks: number, perSecond: number): Ns {
	return Math.round((ticks * 1e9) / perSecond);
}
