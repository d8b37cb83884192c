/** Commands that reach beyond the screen's own state: to the snapshots that are kept, the tracers, the program around. */
import { secondsOf } from '../core/snapshot.ts';
import type { Store } from '../history/store.ts';
import { type Command, type Keymap, keysOf } from '../options/keymap.ts';
import type { AppActions } from './actions.ts';
import { rowText } from './frame/clipboard.ts';
import type { TabInFront } from './hooks/use-front.ts';
import type { GroupsInUse } from './hooks/use-groups.ts';
import type { Action } from './state/state.ts';
import type { TabEntry } from './tab.ts';

export type OutwardCommands = Partial<Record<Command, (key: string) => void>>;

export interface Reach {
	tabs: readonly TabEntry[];
	store: Store;
	keymap: Keymap;
	actions: AppActions;
	front: TabInFront;
	groups: GroupsInUse;
	/** The lens covers the tab. */
	lens: boolean;
	changeDelay(step: 1 | -1): void;
	toggleBaseline(): void;
	say(message: string): void;
	dispatch(action: Action): void;
}

/** Snapshots of a jump in time. */
const jump = 30;

export function outwardCommands(reach: Reach): OutwardCommands {
	const { actions, front, groups, lens, changeDelay, toggleBaseline, say } = reach;
	return {
		...rowCommands(reach),
		...timeCommands(reach),
		finding: (key) => void showFinding(reach, key),
		quit: actions.quit,
		suspend: actions.suspend,
		redraw: actions.redraw,
		faster: () => changeDelay(-1),
		slower: () => changeDelay(1),
		group: () => {
			if (!lens && !groups.next()) say(`${front.tracer.title} has one grouping only`);
		},
		baseline: toggleBaseline,
		record: () => {
			say('writing…');
			void actions.record().then(say);
		},
	};
}

/** What a tab offers for the selected row, or for itself. */
function rowCommands({ actions, front, say }: Reach): OutwardCommands {
	const { tracer, snapshot, loaded, table } = front;
	const row = table.rows[table.selected];
	return {
		copy() {
			if (row === undefined || !snapshot) return say('select a row to copy');
			const text = rowText(table.columns, row, secondsOf(snapshot));
			actions.copy(text);
			say(`copied (if the terminal allows OSC 52): ${text}`);
		},
		narrow() {
			if (!snapshot || !table.front?.narrow) return say(`${tracer.title} cannot be narrowed down`);
			const changes = table.front.narrow(row, snapshot as never);
			if (Object.keys(changes).length === 0)
				return say(row ? 'rows like this one cannot be measured alone' : 'select a row first');
			actions.tune(tracer.id, changes);
		},
		'full-path'() {
			if (!snapshot || !loaded?.fullPath) return say(`${tracer.title} has no full path`);
			const changes = loaded.fullPath(snapshot as never);
			if (Object.keys(changes).length === 0) return say('the full path cannot be measured here');
			actions.tune(tracer.id, changes);
			say(`full path ${Object.values(changes).includes(true) ? 'on' : 'off'} from the next interval`);
		},
	};
}

/** The moment that is shown. */
function timeCommands({ store, front, say }: Reach): OutwardCommands {
	const { tracer, snapshot } = front;
	const travel = (steps: number) => () => {
		store.travel(tracer.id, steps);
		if (snapshot && store.current(tracer.id)?.mono_ns === snapshot.mono_ns)
			say(steps < 0 ? 'nothing older is kept' : 'this is the newest');
	};
	return {
		pause: () => store.setPaused(!store.paused),
		live: () => store.setPaused(false),
		'step-back': travel(-1),
		'step-forward': travel(1),
		'jump-back': travel(-jump),
		'jump-forward': travel(jump),
	};
}

/** To what a finding is about. */
async function showFinding({ tabs, store, keymap, front, groups, say, dispatch }: Reach, key: string): Promise<void> {
	const at = keysOf(keymap, 'finding').indexOf(key);
	const link = front.snapshot && front.loaded?.links?.(front.snapshot as never)[at];
	if (!link) {
		say(`no finding ${key} here`);
		return;
	}
	if (link.group !== undefined && link.group !== store.current(link.tab)?.group) groups.choose(link.tab, link.group);
	const to = tabs.find(({ tracer }) => tracer.id === link.tab);
	// the names of its views come with what draws it
	const { views = [] } = link.view !== undefined && to ? await to.tab() : {};
	dispatch({ kind: 'show', link, view: Math.max(0, views.indexOf(link.view ?? '')) });
}
