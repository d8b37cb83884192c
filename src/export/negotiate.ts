/** Which of several content types a client prefers (RFC 9110, 12.5.1). */

interface Range {
	type: string;
	parameters: ReadonlyMap<string, string>;
	quality: number;
}

function rangeOf(text: string): Range {
	const [type = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase());
	const parameters = new Map(
		rest.map((part): [string, string] => {
			const [name = '', value = ''] = part.split('=').map((word) => word.trim());
			return [name, value.replace(/^"(.*)"$/, '$1')];
		}),
	);
	const quality = Number(parameters.get('q') ?? 1);
	return { type, parameters, quality: Number.isFinite(quality) ? quality : 0 };
}

/** How well a range fits: 0 not at all; the more specific, the higher. */
function match({ type, parameters }: Range, offered: Range): number {
	if (type === '*/*') return 1;
	if (type.endsWith('/*')) return offered.type.startsWith(type.slice(0, -1)) ? 2 : 0;
	if (type !== offered.type) return 0;
	const version = parameters.get('version');
	if (version !== undefined && version !== offered.parameters.get('version')) return 0;
	return version === undefined ? 3 : 4;
}

/**
 * The offered type that the header `Accept` prefers; of equal ones the first. Where none is accepted: the first one, as a
 * client that names unknown formats is better served with a format than with an error.
 */
export function negotiate<Type extends string>(accept: string | undefined, offered: readonly [Type, ...Type[]]): Type {
	const [first] = offered;
	if (accept === undefined || accept.trim() === '') return first;
	const ranges = accept.slice(0, 4096).split(',').map(rangeOf);
	let best: { type: Type; quality: number } | undefined;
	for (const type of offered) {
		const own = rangeOf(type);
		// the most specific range decides
		const [range] = ranges.filter((one) => match(one, own) > 0).sort((a, b) => match(b, own) - match(a, own));
		if (range && range.quality > 0 && range.quality > (best?.quality ?? 0)) best = { type, quality: range.quality };
	}
	return best?.type ?? first;
}
