/**
 * The table in docs/ARCHITECTURE.md against every import there is: a folder imports only folders above it in the table,
 * and none that its row forbids.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Layer {
	/** Folder below src/, or a file there. */
	name: string;
	/** Folders above it in the table that it may not import. */
	forbidden: readonly string[];
}

function readLayers(): Layer[] {
	const text = readFileSync('docs/ARCHITECTURE.md', 'utf8');
	const rows = text.split('\n').filter((line) => /^\| `src\//.test(line));
	return rows.map((row) => {
		const [folder = '', , mustNot = ''] = row.split(/(?<!\\)\|/).slice(1);
		return {
			name: /`src\/([\w.]+)\/?`/.exec(folder)?.[1] as string,
			forbidden: Array.from(mustNot.matchAll(/`([\w.]+)`/g), ([, name]) => name as string),
		};
	});
}

const layers = readLayers();
const files = globSync('src/**/*.{ts,tsx}').filter((file) => !file.endsWith('.d.ts'));
const layerOf = (file: string): string => file.split('/')[1] as string;

/** Static, dynamic and type imports of a source, as they are written. */
function importsIn(source: string): string[] {
	return Array.from(source.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ([, path]) => path as string);
}

/** File → files of ours that it imports, types included. */
const graph = new Map(
	files.map((file) => [
		file,
		importsIn(readFileSync(file, 'utf8')).map((path) => normalize(join(dirname(file), path))),
	]),
);
const arrows = [...graph].flatMap(([from, all]) => all.map((to) => ({ from, to })));

/** The first circle of files that is found; empty: there is none. */
function circleIn(edges: ReadonlyMap<string, readonly string[]>): string[] {
	const done = new Set<string>();
	const path: string[] = [];
	const visit = (file: string): string[] => {
		if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
		if (done.has(file)) return [];
		path.push(file);
		for (const next of edges.get(file) ?? []) {
			const circle = visit(next);
			if (circle.length > 0) return circle;
		}
		path.pop();
		done.add(file);
		return [];
	};
	for (const file of edges.keys()) {
		const circle = visit(file);
		if (circle.length > 0) return circle;
	}
	return [];
}

/** `src/tracers/irq/rows.ts` → `irq`, where the file lies in a folder of `parent`. */
function idOf(file: string, parent: string): string | undefined {
	return file.startsWith(`${parent}/`) ? file.slice(parent.length + 1).match(/^([\w-]+)\//)?.[1] : undefined;
}

describe('the table of folders', () => {
	test('names every folder and file directly below src/, once', () => {
		const names = [...new Set(files.map(layerOf))];
		expect(layers.map(({ name }) => name).sort()).toEqual(names.sort());
	});

	test('forbids only what the order alone would allow', () => {
		for (const [index, { name, forbidden }] of layers.entries()) {
			const above = layers.slice(0, index).map((layer) => layer.name);
			expect(above, name).toEqual(expect.arrayContaining([...forbidden]));
		}
	});

	test('every import runs upwards in it, and to no folder that the row forbids', () => {
		const order = new Map(layers.map(({ name }, index) => [name, index]));
		const wrong = arrows.filter(({ from, to }) => {
			const [own, other] = [layerOf(from), layerOf(to)];
			if (own === other) return false;
			const { forbidden } = layers[order.get(own) as number] as Layer;
			return (order.get(other) as number) >= (order.get(own) as number) || forbidden.includes(other);
		});
		expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
	});
});

test('no file imports itself through others', () => {
	expect(circleIn(graph)).toEqual([]);
	expect(circleIn(new Map([['a', ['b']], ['b', ['c', 'd']], ['d', ['b']]]))).toEqual(['b', 'd', 'b']); // biome-ignore format: a graph
});

test('every import names a file that is there', () => {
	const missing = arrows.filter(({ to }) => !graph.has(to) && !to.endsWith('.d.ts'));
	expect(missing.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

test.each(['src/tracers', 'src/commands', 'src/ui/tabs'])('folders in %s do not import each other', (parent) => {
	const wrong = arrows.filter(({ from, to }) => {
		const [own, other] = [idOf(from, parent), idOf(to, parent)];
		if (own === undefined || other === undefined || own === other) return false;
		// the overview is made of what the others report
		return !(own === 'overview' && to.endsWith('/snapshot.ts'));
	});
	expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

test('the screen imports what tracers report, never how they measure', () => {
	const wrong = arrows.filter(({ from, to }) => layerOf(from) === 'ui' && /\/(tracer|session)\.ts$/.test(to));
	const measuring = wrong.filter(({ to }) => to.startsWith('src/tracers/'));
	expect(measuring.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

/** Imports that are evaluated with the file: neither dynamic ones nor those of types. */
function evaluatedIn(source: string): string[] {
	const found = source.matchAll(/^(?:import|export)\s+(?!type\b)(?:([^';]*?)\s*from\s+)?'(\.[^']+)'/gm);
	return Array.from(found).flatMap(([, names = '', path = '']) => {
		const list = /^\{([^}]*)\}$/.exec(names)?.[1]?.split(',') ?? [''];
		return list.every((name) => name.trim() === '' || name.trim().startsWith('type ')) && names !== '' ? [] : [path];
	});
}

/** Files that are evaluated before these have been. */
function evaluatedWith(entries: readonly string[]): Set<string> {
	const all = new Set(entries);
	for (const file of all)
		for (const path of evaluatedIn(readFileSync(file, 'utf8'))) {
			const to = normalize(join(dirname(file), path));
			if (graph.has(to)) all.add(to);
		}
	return all;
}

test('the thread that draws loads nothing that measures', () => {
	const drawing = evaluatedWith(['src/cli.ts', 'src/ui/live.tsx', ...globSync('src/ui/tabs/*/tab.{ts,tsx}')]);
	expect(drawing).toContain('src/tracers/irq/description.ts');
	const measuring =
		/^src\/tracers\/\w+\/(tracer|session)\.ts$|^src\/sampling\/(?!worker-sampler)|^src\/symbols\/symbolizer/;
	expect([...drawing].filter((file) => measuring.test(file))).toEqual([]);
	// the expression finds them where they are
	expect([...evaluatedWith(['src/tracers/irq/tracer.ts'])]).toContain('src/tracers/irq/session.ts');
});

test('a BPF file includes headers of its own folder and of bpf/lib/', () => {
	const wrong: string[] = [];
	for (const file of globSync('bpf/**/*.[ch]')) {
		for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/^#include "([^"]+)"/gm)) {
			const found = path.startsWith('lib/') ? join('bpf', path) : join(dirname(file), path);
			const inLib = dirname(file) === 'bpf/lib' && dirname(found) !== 'bpf/lib';
			if (inLib || globSync(found).length === 0) wrong.push(`${file} → ${path}`);
		}
	}
	expect(wrong).toEqual([]);
});
