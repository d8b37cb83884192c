/** Values of the configuration file, by option; a key without a meaning is an error. */

import { UsageError } from '../core/errors.ts';
import { type AnyTracer, commonOptions } from './common.ts';
import type { ConfigFile, Located } from './config/file.ts';

/** Values of the file by option, `TAB.sort` and `TAB.group` among them; every key must mean something. */
export function fileValues(file: ConfigFile, tracers: readonly AnyTracer[]): Map<string, Located> {
	const values = new Map<string, Located>();
	const take = (table: ReadonlyMap<string, Located>, names: readonly string[], prefix: string, title: string) => {
		for (const [key, located] of table) {
			if (!names.includes(key))
				throw new UsageError(`${located.where}: unknown key '${key}'${title}; known are ${names.join(', ')}`);
			values.set(key === 'sort' || key === 'group' ? `${prefix}.${key}` : key, located);
		}
	};
	const common = commonOptions(tracers).filter((spec) => !spec.once && !spec.perTab);
	take(
		file.top,
		common.map((spec) => spec.name),
		'',
		'',
	);
	for (const [name, { where, values: table }] of file.tables) {
		if (name === 'keys') continue;
		const tracer = tracers.find(({ id }) => id === name);
		if (!tracer)
			throw new UsageError(
				`${where}: unknown table [${name}]; known are keys, ${tracers.map(({ id }) => id).join(', ')}`,
			);
		const given = new Map(table);
		for (const spec of tracer.options) {
			const rows = spec.table === undefined ? undefined : given.get(spec.table);
			if (!rows) continue;
			if (typeof rows.value !== 'object' || rows.value === null || Array.isArray(rows.value))
				throw new UsageError(`${rows.where}: ${spec.table} is not a table`);
			given.delete(spec.table as string);
			given.set(spec.name, { value: JSON.stringify(rows.value), where: rows.where });
		}
		const tables = tracer.options.flatMap((spec) => spec.table ?? []);
		const names = ['sort', 'group', ...tracer.options.map((spec) => spec.name), ...tables];
		take(given, names, name, ` in [${name}]`);
	}
	return values;
}
