/** The text of `--help`, from the tables of options. */
import type { OptionSpec } from '../core/tracer.ts';
import { type AnyTracer, commonOptions } from './common.ts';

function flag(spec: OptionSpec): string {
	return `${spec.short ? `-${spec.short}, ` : '    '}--${spec.name}${spec.placeholder ? ` ${spec.placeholder}` : ''}`;
}

/** Of the column with names, beyond the longest one. */
const WIDTH = 30;

function describe(spec: OptionSpec): string {
	const notes: string[] = [];
	if (spec.choices) notes.push(spec.choices.join(' | '));
	if (spec.type !== 'boolean' && spec.default !== '' && spec.default !== 0) notes.push(`default ${spec.default}`);
	const words = `${spec.help}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
	return wrap(`  ${flag(spec).padEnd(WIDTH)}${words}`, ' '.repeat(WIDTH + 2));
}

/** Words on lines of at most 110 characters; all lines but the first begin with `indent`. */
function wrap(text: string, indent: string): string {
	let line = 0;
	return text.replace(/ *\S+/g, (word) => {
		if (line > 0 && line + word.length > 110) {
			line = indent.length + word.trimStart().length;
			return `\n${indent}${word.trimStart()}`;
		}
		line += word.length;
		return word;
	});
}

/** The text of `--help`. */
export function helpText(tracers: readonly AnyTracer[]): string {
	const sections = tracers.flatMap((tracer) => [
		'',
		wrap(`${tracer.title} (--tab ${tracer.id}): ${tracer.summary}`, '  '),
		`  sort by: ${wrap(tracer.columns.map((column) => column.key).join(' '), '    ')}`,
		...(tracer.groups.length > 1 ? [`  group by: ${tracer.groups.join(' ')}`] : []),
		...tracer.options.map(describe),
	]);
	return [
		'wattlag: where the watts and the latency go, live, from eBPF',
		'',
		'usage: wattlag [options]                    open the screen (? there for keys)',
		'       wattlag --batch [--json] [options]   print to standard output',
		'       wattlag compare --live [--duration S] [--json]   BPF against the /proc sampler, side by side',
		'       wattlag doctor [--json]              what this machine lets wattlag measure, and why not the rest',
		'       wattlag replay FILE                  a recording (key w) on the screen, without privilege',
		'       wattlag -v [--rate N]                a line for every scheduling slice',
		'',
		...commonOptions(tracers).map(describe),
		...sections,
		'',
		'exit codes: 0 done; 1 failure (doctor: a tab that does not work); 2 bad option; 3 --fail-if matched;',
		'            77 nothing could be measured (privilege or kernel)',
		'',
	].join('\n');
}
