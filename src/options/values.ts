/** One value, from any source: checked, or a {@link UsageError} that says how the user wrote it. */

import { UsageError } from '../core/errors.ts';
import type { OptionSpec } from '../core/tracer.ts';

const yes = ['1', 'true', 'yes', 'on'];
const no = ['0', 'false', 'no', 'off', ''];

/** A switch of the command line that was not turned off again; what is no answer is left to {@link check}. */
export function isOn(raw: unknown): boolean {
	return raw === true || yes.includes(raw as string);
}

/** A value from any of the sources, checked. `name` is how the user wrote it, with its place where there is one. */
export function check(spec: OptionSpec, raw: unknown, name: string): number | string | boolean {
	if (spec.type === 'boolean') {
		if (typeof raw === 'boolean') return raw;
		if (typeof raw === 'string' && [...yes, ...no].includes(raw)) return yes.includes(raw);
		throw new UsageError(`${name}: '${raw}' is neither true nor false`);
	}
	const text = typeof raw === 'number' ? String(raw) : raw;
	if (text === '' || typeof text !== 'string') {
		throw new UsageError(`${name} needs a value: ${name} ${spec.placeholder ?? 'VALUE'}`);
	}
	if (spec.choices && !spec.choices.includes(text)) {
		throw new UsageError(`${name}: '${text}' is not one of ${spec.choices.join(', ')}`);
	}
	const invalid = spec.invalid?.(text);
	if (invalid !== undefined) throw new UsageError(`${name}: ${invalid}`);
	if (spec.type === 'string') return text;
	const number = Number(text);
	const low = spec.min ?? Number.NEGATIVE_INFINITY;
	const high = spec.max ?? Number.POSITIVE_INFINITY;
	if (text.trim() === '' || !Number.isFinite(number)) throw new UsageError(`${name}: '${text}' is not a number`);
	if (spec.integer && !Number.isInteger(number)) throw new UsageError(`${name}: ${text} is not a whole number`);
	if (number < low || number > high) {
		throw new UsageError(
			`${name}: ${text} is out of range (${Number.isFinite(high) ? `${low} to ${high}` : `at least ${low}`})`,
		);
	}
	return number;
}

/** 0 stands for no limit. */
export function orUnlimited(value: number): number {
	return value === 0 ? Number.POSITIVE_INFINITY : value;
}

/** One of the things that a tab offers. */
export function oneOf(name: string, value: string, choices: readonly string[], tab: string): string {
	if (choices.includes(value)) return value;
	throw new UsageError(`${name}: tab ${tab} has no '${value}'; it has ${choices.join(', ')}`);
}
