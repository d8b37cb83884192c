/** Stacks merged from the outermost frame on: what a flame graph or an icicle draws. */

export interface TreeNode {
	/** Of frames with equal names the first decides the kind. */
	name: string;
	kind: string;
	/** Of this function and those that it called. */
	total: number;
	/** Of the function itself. */
	self: number;
	/** The largest first. */
	children: TreeNode[];
}

/** One stack, outermost first. */
export interface TreeStack {
	frames: readonly { readonly name: string; readonly kind: string }[];
	value: number;
}

interface Growing extends TreeNode {
	byName: Map<string, Growing>;
}

const growing = (name: string, kind: string): Growing => ({
	name,
	kind,
	total: 0,
	self: 0,
	children: [],
	byName: new Map(),
});

/** A root named `all`. Values that are not positive are left out. */
export function treeOf(stacks: Iterable<TreeStack>): TreeNode {
	const root = growing('all', 'label');
	for (const { frames, value } of stacks) {
		if (!(value > 0)) continue;
		let node = root;
		node.total += value;
		for (const { name, kind } of frames) {
			const key = `${kind} ${name}`;
			let next = node.byName.get(key);
			if (!next) {
				next = growing(name, kind);
				node.byName.set(key, next);
				node.children.push(next);
			}
			node = next;
			node.total += value;
		}
		node.self += value;
	}
	sortAll(root);
	return root;
}

/** A stack of calls may be deep: no recursion. */
function sortAll(root: Growing): void {
	const open: Growing[] = [root];
	for (let node = open.pop(); node; node = open.pop()) {
		node.children.sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
		node.byName.clear();
		open.push(...(node.children as Growing[]));
	}
}

export interface FunctionFigures {
	name: string;
	kind: string;
	module: string;
	/** Innermost frame. */
	self: number;
	/** Anywhere in the stack; a recursive function counts once. */
	total: number;
}

/** Figures of each function, the most own time first. */
export function functionsOf(
	stacks: Iterable<{
		frames: readonly { readonly name: string; readonly kind: string; readonly module: string }[];
		value: number;
	}>,
): FunctionFigures[] {
	const functions = new Map<string, FunctionFigures>();
	for (const { frames, value } of stacks) {
		const seen = new Set<string>();
		for (const [at, { name, kind, module }] of frames.entries()) {
			const key = `${kind} ${module} ${name}`;
			let figures = functions.get(key);
			if (!figures) {
				figures = { name, kind, module, self: 0, total: 0 };
				functions.set(key, figures);
			}
			if (at === frames.length - 1) figures.self += value;
			if (seen.has(key)) continue;
			seen.add(key);
			figures.total += value;
		}
	}
	return [...functions.values()].sort((a, b) => b.self - a.self || b.total - a.total);
}
