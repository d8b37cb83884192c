/**
 * Folds process rows into groups by control group, user, command or pid namespace, and into the tree, for every tracer
 * that provides a {@link Fold}. Pure except for the facts from `/proc`, which are a parameter.
 */

import type { DerivedGroup, Fold, GroupName } from '../../core/fold.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { serviceName } from '../../system/cgroup-name.ts';
import { type ProcessId, processId } from '../../system/process-id.ts';
import type { ProcessFacts } from './facts.ts';

interface Entry<Row> {
	row: Row;
	process: ProcessId;
}

/** The group of a row. `key`: identity among the groups of its kind. */
function groupOf<Row>(
	row: Row,
	process: ProcessId,
	kind: GroupName['kind'],
	fold: Fold<Row>,
	facts: ProcessFacts,
): { key: SafeText | number; group: GroupName } {
	const byName = (name: SafeText) => ({ key: name, group: { kind, id: 0, name } });
	const byId = (id: number, name: SafeText) => ({ key: id, group: { kind, id, name } });
	switch (kind) {
		case 'command':
			return byName(fold.comm(row));
		case 'cgroup':
			return byName(fold.cgroup?.(row) ?? safe``);
		case 'service': {
			const known = fold.cgroup?.(row) ?? safe``;
			return byName(serviceName(known === '' ? facts.cgroup(process) : known, fold.comm(row)));
		}
		case 'user': {
			if (fold.user) return byName(fold.user(row));
			const { uid, name } = facts.user(process);
			return byId(uid, name);
		}
		case 'pidns': {
			const id = facts.pidns(process);
			return byId(id, id === 0 ? safe`(ended)` : fold.comm(row));
		}
	}
}

/**
 * @param processOf process of a row, `pid:start`; rows without one stay unchanged and come first
 */
export function regroup<Row extends object>(
	rows: readonly Row[],
	by: DerivedGroup,
	fold: Fold<Row>,
	processOf: (row: Row) => string | undefined,
	facts: ProcessFacts,
): Row[] {
	facts.begin();
	const apart: Row[] = [];
	const processes: Entry<Row>[] = [];
	for (const row of rows) {
		const id = processOf(row);
		if (id === undefined) apart.push(row);
		else processes.push({ row, process: processId(id) });
	}
	if (by === 'tree') return [...apart, ...treeOf(processes, fold, facts)];
	const found = new Map<SafeText | number, { group: GroupName; first: ProcessId; rows: [Row, ...Row[]] }>();
	for (const { row, process } of processes) {
		const { key, group } = groupOf(row, process, by, fold, facts);
		const known = found.get(key);
		if (!known) {
			found.set(key, { group, first: process, rows: [row] });
			continue;
		}
		known.rows.push(row);
		// a namespace is named after its first process
		if (process.pid < known.first.pid) Object.assign(known, { group, first: process });
	}
	return [...apart, ...[...found.values()].map(({ group, rows: all }) => fold.named(fold.merge(all), group))];
}

/** Ancestors that are searched for a listed one. */
const GENERATIONS = 64;

/** pid of the nearest listed ancestor of a process; 0: none. */
function listedParent(process: ProcessId, listed: ReadonlySet<number>, facts: ProcessFacts): number {
	let parent = facts.parent(process);
	for (let steps = 0; parent > 0 && !listed.has(parent) && steps < GENERATIONS; steps++) {
		const above = facts.parent({ pid: parent, start: 0 });
		// a process whose parent ended has a new parent
		parent = above === 0 && steps === 0 ? facts.parent(process, true) : above;
	}
	// the pid of an ended process may belong to its own child now
	return listed.has(parent) && parent !== process.pid ? parent : 0;
}

/** Parents before their children; figures include all descendants. */
function treeOf<Row extends object>(processes: readonly Entry<Row>[], fold: Fold<Row>, facts: ProcessFacts): Row[] {
	const present = new Set(processes.map(({ process }) => process.pid));
	const children = new Map<number, Entry<Row>[]>();
	for (const entry of processes) {
		const at = listedParent(entry.process, present, facts);
		const list = children.get(at);
		if (list) list.push(entry);
		else children.set(at, [entry]);
	}
	// no recursion: chains of processes may be long
	const order: { row: Row; depth: number; above: number }[] = [];
	const listed = new Set<Row>();
	const walk = (start: Entry<Row>) => {
		const open = [{ entry: start, depth: 0, above: -1 }];
		for (let next = open.pop(); next; next = open.pop()) {
			const { entry, depth, above } = next;
			if (listed.has(entry.row)) continue;
			listed.add(entry.row);
			const at = order.push({ row: entry.row, depth, above }) - 1;
			const below = children.get(entry.process.pid) ?? [];
			children.delete(entry.process.pid);
			for (const child of below.toReversed()) open.push({ entry: child, depth: depth + 1, above: at });
		}
	};
	for (const entry of children.get(0) ?? []) walk(entry);
	// parents of each other: pids were reused while /proc was read
	for (const entry of processes) walk(entry);
	const heads: Row[][] = order.map(() => []);
	const rows: Row[] = [];
	for (let index = order.length - 1; index >= 0; index--) {
		const { row, depth, above } = order[index] as (typeof order)[number];
		const merged = { ...fold.merge([row, ...(heads[index] as Row[])]), depth };
		heads[above]?.push(merged);
		rows[index] = merged;
	}
	return rows;
}
