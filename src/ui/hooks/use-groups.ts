/** What rows stand for, by tab. What the user chose goes along to the tabs that offer it. */
import { useEffect, useRef, useState } from 'react';
import type { TabTracer } from '../tab.ts';

export interface GroupsInUse {
	/** Of the tab in front, as asked for; null: it has one only. */
	group: string | null;
	/** Go to the next one; false: there is no other. */
	next(): boolean;
	/** Of any tab, as if chosen there. */
	choose(tab: string, group: string): void;
}

/**
 * @param measured group of the snapshot shown
 * @param initial by tab, where it is not the tracer's own
 */
export function useGroups(
	{ id, groups: offered }: Pick<TabTracer<never, object>, 'id' | 'groups'>,
	measured: string | undefined,
	initial: Readonly<Record<string, string>>,
	setGroup: (tab: string, group: string) => void,
): GroupsInUse {
	const [groups, setGroups] = useState(initial);
	const chosen = useRef<string | null>(null);
	/** As asked for last, which the next frame may not know yet. */
	const asked = useRef(initial);
	const current = groups[id] ?? measured ?? offered[0] ?? null;

	const choose = (tab: string, group: string) => {
		asked.current = { ...asked.current, [tab]: group };
		setGroups(asked.current);
		setGroup(tab, group);
	};

	// biome-ignore lint/correctness/useExhaustiveDependencies: only when another tab comes to the front
	useEffect(() => {
		const wanted = chosen.current;
		if (wanted !== null && wanted !== current && offered.includes(wanted)) choose(id, wanted);
	}, [id]);

	return {
		group: offered.length > 1 ? current : null,
		next: () => {
			if (offered.length < 2) return false;
			const now = asked.current[id] ?? current ?? '';
			const group = offered[(offered.indexOf(now) + 1) % offered.length] as string;
			chosen.current = group;
			choose(id, group);
			return true;
		},
		choose: (tab, group) => {
			if (asked.current[tab] === group) return;
			chosen.current = group;
			choose(tab, group);
		},
	};
}
