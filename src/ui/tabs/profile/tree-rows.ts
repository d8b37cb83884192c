/** The call tree of a profile as rows of a table, each with its change against a baseline. Pure. */
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { isKernelEntry } from '../../../profile/reason.ts';
import { type TreeNode, treeOf } from '../../../profile/tree.ts';
import type { ProfileExtra, ProfileRow } from '../../../tracers/profile/snapshot.ts';

export type FrameKind = 'kernel' | 'user' | 'jit' | 'label';

/** One function below its callers. */
export interface TreeRow {
	key: string;
	/** Of the node itself: names from the outermost function on. */
	path: readonly string[];
	depth: number;
	name: SafeText;
	kind: FrameKind;
	/** ns. */
	self: number;
	total: number;
	/** Of the whole profile; 0 to 1. */
	self_share: number;
	total_share: number;
	/** Change of `total_share` against the baseline; null: there is none. */
	delta: number | null;
	node: TreeNode;
}

/** Functions with less of the profile are left out. */
const SMALLEST = 0.002;
const MOST_ROWS = 3000;
const MOST_DEPTH = 200;

const kernelMark = '_[k]';
const jitMark = '_[j]';

/** Kind and plain name of a function in a row. */
export function frameOf(text: string): { name: string; kind: FrameKind } {
	if (text.endsWith(kernelMark)) return { name: text.slice(0, -kernelMark.length), kind: 'kernel' };
	if (text.endsWith(jitMark)) return { name: text.slice(0, -jitMark.length), kind: 'jit' };
	return { name: text, kind: text.startsWith('[') ? 'label' : 'user' };
}

/** Labels above the functions: what differs between the stacks of the profile. */
export interface Above {
	/** Several processes. */
	process: boolean;
	thread: boolean;
	/** Several states: running and waiting. */
	state: boolean;
}

export function aboveOf({ mode }: Pick<ProfileExtra, 'mode'>, group: string, rows: readonly ProfileRow[]): Above {
	const first = rows[0];
	return {
		process: rows.some(({ pid }) => pid !== first?.pid),
		thread: group === 'thread',
		state: mode === 'off-cpu' || mode === 'wall',
	};
}

/** A row's frames without the kernel's entry, with the labels above them. Processes of one name are together. */
export function framesOf(row: ProfileRow, above: Above): { name: string; kind: FrameKind }[] {
	const labels: string[] = [];
	if (above.process) labels.push(row.comm);
	if (above.thread) labels.push(`${row.thread} ${row.tid}`);
	if (above.state) labels.push(row.state);
	if (row.lock !== undefined) labels.push(row.lock);
	if (row.owner !== undefined) labels.push(`held by ${row.owner}`);
	const frames = row.frames.map(frameOf).filter(({ name, kind }) => kind !== 'kernel' || !isKernelEntry(name));
	return [...labels.map((name) => ({ name, kind: 'label' as const })), ...frames];
}

/** Merged stacks. */
export function treeOfRows(rows: readonly ProfileRow[], above: Above): TreeNode {
	return treeOf(rows.map((row) => ({ frames: framesOf(row, above), value: row.time_ns_total })));
}

/** Shares of a whole by path, for the difference to a baseline. */
function sharesByPath(root: TreeNode): ReadonlyMap<string, number> {
	const shares = new Map<string, number>();
	const open = root.children.map((node) => ({ node, path: node.name }));
	for (let next = open.pop(); next; next = open.pop()) {
		shares.set(next.path, next.node.total / root.total);
		for (const child of next.node.children) open.push({ node: child, path: `${next.path}\n${child.name}` });
	}
	return shares;
}

/** Callers of everything but the last of them: rows that say nothing. */
function trunkOf(root: TreeNode): { node: TreeNode; path: string[] } {
	let node = root;
	const path: string[] = [];
	for (let next = node.children[0]; next && next.total === root.total && next.self === 0; next = next.children[0]) {
		const [below] = next.children;
		if (!below || below.total !== root.total) break;
		node = next;
		path.push(next.name);
	}
	return { node, path };
}

/** Depth first, the largest first. Callers of everything are left out but for the last one. @param before stacks of the baseline; null: there is none */
export function treeRows(
	rows: readonly ProfileRow[],
	before: readonly ProfileRow[] | null,
	above: Above,
): readonly TreeRow[] {
	const root = treeOfRows(rows, above);
	if (root.total === 0) return [];
	const earlier = before === null ? null : sharesByPath(treeOfRows(before, above));
	const found: TreeRow[] = [];
	const trunk = trunkOf(root);
	const open = trunk.node.children.toReversed().map((node) => ({ node, path: [...trunk.path, node.name] }));
	for (let next = open.pop(); next && found.length < MOST_ROWS; next = open.pop()) {
		const { node, path } = next;
		const share = node.total / root.total;
		if (share < SMALLEST) continue;
		const key = path.join('\n');
		found.push({
			key,
			path,
			depth: path.length - 1 - trunk.path.length,
			name: safe`${node.name as SafeText}`,
			kind: node.kind as FrameKind,
			self: node.self,
			total: node.total,
			self_share: node.self / root.total,
			total_share: share,
			delta: earlier === null ? null : share - (earlier.get(key) ?? 0),
			node,
		});
		if (path.length < MOST_DEPTH)
			for (const child of node.children.toReversed()) open.push({ node: child, path: [...path, child.name] });
	}
	return found;
}
