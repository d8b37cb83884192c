/** A call tree in character cells: the outermost function on top, each as wide as its share. Pure. */
import { fitCells, textWidth } from '../../../lib/width.ts';
import type { TreeNode } from '../../../profile/tree.ts';
import type { Role, Span } from '../../../term/theme.ts';

const roles: Readonly<Record<string, Role>> = { user: 'series2', kernel: 'series3', jit: 'series1', label: 'plain' };

interface Box {
	node: TreeNode;
	from: number;
	to: number;
	/** Names of it and of its callers. */
	path: readonly string[];
}

/** Parts of a function's time from which on its caller says nothing more. */
const TRUNK = 0.9;

/** Where a tree begins to branch: callers of nearly everything would fill the screen. */
export function branching(root: TreeNode): { node: TreeNode; path: string[] } {
	let node = root;
	const path: string[] = [];
	for (let next = node.children[0]; next && next.total >= TRUNK * root.total; next = node.children[0]) {
		node = next;
		path.push(node.name);
	}
	return { node, path };
}

/** The boxes of the next level. Each cell belongs to one box; narrower ones than a cell are left out. */
function below({ node, from, to, path }: Box): Box[] {
	const boxes: Box[] = [];
	const width = to - from;
	let sum = 0;
	for (const child of node.children) {
		const left = from + Math.round((width * sum) / node.total);
		sum += child.total;
		const right = from + Math.round((width * sum) / node.total);
		if (right > left) boxes.push({ node: child, from: left, to: right, path: [...path, child.name] });
	}
	return boxes;
}

/** Does the selected path lead through this box? */
function isSelected(path: readonly string[], selected: readonly string[] | null): 'here' | 'above' | 'no' {
	if (selected === null || path.length > selected.length) return 'no';
	if (path.some((name, at) => name !== selected[at])) return 'no';
	return path.length === selected.length ? 'here' : 'above';
}

/** What the boxes show beside names and widths. */
export interface Marks {
	/** Names that lead to the selected function; null: none. */
	selected: readonly string[] | null;
	/** Does the filter match the function at this path? */
	matches(path: readonly string[]): boolean;
	/** Change of its share against the baseline, points of 1; null: there is no baseline. */
	change(path: readonly string[]): number | null;
}

/** Smaller changes are none. */
const CHANGED = 0.005;

/** Of a difference graph: by sign in text, by role in colour. */
function changeMark(change: number | null): { sign: string; role: Role | undefined } {
	if (change === null) return { sign: '', role: undefined };
	if (Math.abs(change) < CHANGED) return { sign: '', role: 'dim' };
	const points = `${change > 0 ? '+' : '-'}${Math.max(1, Math.round(100 * Math.abs(change)))} `;
	return { sign: points, role: change > 0 ? 'bad' : 'good' };
}

function spansOf(boxes: readonly Box[], { selected, matches, change }: Marks): Span[] {
	const spans: Span[] = [];
	let at = 0;
	for (const { node, from, to, path } of boxes) {
		if (from > at) spans.push(' '.repeat(from - at));
		const width = to - from;
		const { sign, role: changed } = changeMark(change(path));
		const text = width < 2 ? '▏'.slice(0, width) : `▏${fitCells(`${sign}${node.name}`, width - 1)}`;
		const state = isSelected(path, selected);
		const role: Role =
			state === 'here'
				? 'selected'
				: matches(path)
					? 'alert'
					: state === 'above'
						? 'strong'
						: (changed ?? roles[node.kind] ?? 'plain');
		spans.push([role, text]);
		at = from + Math.max(width, textWidth(text));
	}
	return spans;
}

/**
 * @param root drawn over the whole width
 * @param path names that lead to `root`; empty: it is the root of all
 */
export function icicleLines(
	root: TreeNode,
	path: readonly string[],
	marks: Marks,
	width: number,
	height: number,
): Span[][] {
	const lines: Span[][] = [];
	let level: Box[] = [{ node: root, from: 0, to: width, path }];
	// the root of all says nothing
	if (path.length === 0) level = level.flatMap(below);
	while (level.length > 0 && lines.length < height) {
		lines.push(spansOf(level, marks));
		level = level.flatMap(below);
	}
	return lines;
}
