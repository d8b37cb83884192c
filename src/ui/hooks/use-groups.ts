/** The grouping of each tab. The user's choice applies to every tab that offers it. */
import { useEffect, useRef, useState } from 'react';
import type { TabTracer } from '../tab.ts';

export interface GroupsInUse {
	/** Requested for the open tab; null: it has one grouping only. */
	group: string | null;
	/** Choose the next one; false: there is no other. */
	next(): boolean;
	/** Choose for any tab, as if it were open. */
	choose(tab: string, group: string): void;
}

/**
 * @param measured group of the snapshot shown
 * @param initial by tab, where it is not the tracer's default
 */
export function useGroups(
	{ id, groups: offered }: Pick<TabTracer<never>, 'id' | 'groups'>,
	measured: string | undefined,
	initial: Readonly<Record<string, string>>,
	setGroup: (tab: string, group: string) => void,
): GroupsInUse {
	const [groups, setGroups] = useState(initial);
	const chosen = useRef<string | null>(null);
	/** Requested last; newer than `groups` until the next render. */
	const requested = useRef(initial);
	const current = groups[id] ?? measured ?? offered[0] ?? null;

	const choose = (tab: string, group: string) => {
		requested.current = { ...requested.current, [tab]: group };
		setGroups(requested.current);
		setGroup(tab, group);
	};

	// biome-ignore lint/correctness/useExhaustiveDependencies: only when another tab is opened
	useEffect(() => {
		const wanted = chosen.current;
		if (wanted !== null && wanted !== current && offered.includes(wanted)) choose(id, wanted);
	}, [id]);

	return {
		group: offered.length > 1 ? current : null,
		next: () => {
			if (offered.length < 2) return false;
			const now = requested.current[id] ?? current ?? '';
			const group = offered[(offered.indexOf(now) + 1) % offered.length] as string;
			chosen.current = group;
			choose(id, group);
			return true;
		},
		choose: (tab, group) => {
			if (requested.current[tab] === group) return;
			chosen.current = group;
			choose(tab, group);
		},
	};
}
