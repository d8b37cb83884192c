/** Commands with an effect beyond the screen: on the snapshots that are kept, on the tracers, on the program. */
import { secondsOf } from '../core/snapshot.ts';
import type { Options } from '../core/tracer.ts';
import { findingTimes } from '../history/moments.ts';
import type { Store } from '../history/store.ts';
import { parseTime } from '../history/time-words.ts';
import { type Command, type Keymap, keysOf } from '../options/keymap.ts';
import { PROFILE_MODES } from '../profile/model.ts';
import { processId } from '../system/process-id.ts';
import type { ProfileExtra } from '../tracers/profile/snapshot.ts';
import { boundsOf, EVENT_LEVEL } from './frame/axis.ts';
import { rowText } from './frame/clipboard.ts';
import type { ActiveTab } from './hooks/use-active-tab.ts';
import type { GroupsInUse } from './hooks/use-groups.ts';
import type { Inspect } from './lens/use-details.ts';
import { nextBegin, PROFILE, profileTarget, WHOLE_MACHINE } from './profile-target.ts';
import type { Action } from './state/state.ts';
import type { TabEntry } from './tab.ts';

/** Id of the tracer whose rows are hosts. */
const FLEET = 'fleet';

/** What the screen asks of the program. */
export interface AppActions {
	quit(): void;
	suspend(): void;
	redraw(): void;
	/** Seconds. */
	setInterval(seconds: number): void;
	setGroup(tab: string, group: string): void;
	/** A tab is opened, also at the start. */
	setActiveTab(tab: string): void;
	/** Nothing is measured: the snapshots are those of a recording. */
	recorded(): boolean;
	/** Change options of a running tracer. */
	tune(tab: string, changes: Options): void;
	/** Copy to the terminal's clipboard. */
	copy(text: string): void;
	/** Write the snapshots in memory to a file. Resolves with a message for the user. */
	record(): Promise<string>;
	/** What Enter does on a row, where it does more than to show it; `captures`: those of its host. */
	open(row: object, what?: 'captures'): void;
	/** Write a bundle of the snapshots in memory. Resolves with a message for the user. */
	capture(): Promise<string>;
	/** Facts about a process beside its figures. */
	inspect: Inspect;
}

/** What effects act on. */
export interface CommandContext {
	tabs: readonly TabEntry[];
	store: Store;
	keymap: Keymap;
	actions: AppActions;
	active: ActiveTab;
	groups: GroupsInUse;
	/** Process of the lens that covers the tab, `pid:start`; null: it is closed. */
	lens: string | null;
	/** A menu, a prompt or the help covers it. */
	overlay: boolean;
	changeDelay(step: 1 | -1): void;
	toggleBaseline(): void;
	say(message: string): void;
	dispatch(action: Action): void;
}

export type Effect = (context: CommandContext, key: string) => void;

/** An effect on the measurement, which a recording does not have. */
const measuring =
	(effect: Effect): Effect =>
	(context, key) =>
		context.actions.recorded() ? context.say('nothing is measured here: this is a recording') : effect(context, key);

/** Snapshots of a jump in time. */
const jump = 30;

const travel =
	(steps: number): Effect =>
	({ store, active: { tracer, snapshot }, say }) => {
		store.travel(tracer.id, steps);
		if (snapshot && store.current(tracer.id)?.mono_ns === snapshot.mono_ns)
			say(steps < 0 ? 'nothing older is kept' : 'this is the newest');
	};

/** Go to a time that the user has typed. */
export function goToTyped(text: string, { store, say }: CommandContext): void {
	if (text.trim() === '') return;
	const { first, last } = boundsOf(store.moments());
	const time = parseTime(text, store.shownAt() ?? Date.now(), first, last);
	if (time === undefined) {
		say(`'${text}' is no time: 14:02, 14:02:10, 2026-01-02 14:02, -5m or +30s`);
		return;
	}
	store.goTo(time);
	const found = store.shownAt();
	if (found !== null && Math.abs(found - time) > 60e3) say('nothing was recorded at that time: this is the nearest');
}

/** Go to the next of these moments, or the one before; wall clock, ms. */
function goToNext({ store, say }: CommandContext, times: readonly number[], step: 1 | -1, nothing: string): boolean {
	const shown = store.shownAt() ?? 0;
	const next = step > 0 ? times.find((time) => time > shown) : times.findLast((time) => time < shown);
	if (next === undefined) say(nothing);
	else store.goTo(next);
	return next !== undefined;
}

/** The finding that began last, or the newest event from high on, of the moment shown. */
function newestOf(store: Store, list: 'findings' | 'events', by: 'since' | 'mono_ns'): string {
	const snapshot = store.current(list === 'findings' ? 'overview' : 'events') as Partial<Record<string, unknown>>;
	const all = (snapshot?.[list] ?? []) as {
		subject?: string;
		text: string;
		severity?: string;
		[by: string]: unknown;
	}[];
	const worth = list === 'findings' ? all : all.filter(({ severity }) => severity === 'severe' || severity === 'high');
	const newest = worth.reduce<(typeof all)[number] | undefined>(
		(best, one) => (!best || (one[by] as string | number) > (best[by] as string | number) ? one : best),
		undefined,
	);
	if (!newest) return '';
	return list === 'findings' ? `begins: ${newest.subject}: ${newest.text}` : `event: ${newest.text}`;
}

const finding =
	(step: 1 | -1): Effect =>
	(context) => {
		const { store, say } = context;
		const nothing = `no finding begins ${step > 0 ? 'after' : 'before'} this`;
		if (goToNext(context, findingTimes(store.moments()), step, nothing)) say(newestOf(store, 'findings', 'since'));
	};

/** Events from high on: there may be others at any time. */
const event =
	(step: 1 | -1): Effect =>
	(context) => {
		const { store, say } = context;
		const times = store.eventMoments().flatMap(({ wall, level }) => (level >= EVENT_LEVEL ? [wall] : []));
		const nothing = `no event of level high or severe ${step > 0 ? 'after' : 'before'} this`;
		if (goToNext(context, times, step, nothing)) say(newestOf(store, 'events', 'mono_ns'));
	};

const mark =
	(step: 1 | -1): Effect =>
	(context) => {
		const { store, say } = context;
		const marks = [...store.marks()].sort((a, b) => a.wall - b.wall);
		const at = (time: number) => Math.max(time, boundsOf(store.moments()).first);
		const shown = store.shownAt() ?? 0;
		// the interval that a mark leads to may end a little after it
		const near = 1500;
		const next =
			step > 0 ? marks.find(({ wall }) => at(wall) > shown + near) : marks.findLast(({ wall }) => wall < shown - near);
		if (!next) return say(`no mark ${step > 0 ? 'after' : 'before'} this`);
		store.goTo(next.wall);
		say(`mark: ${next.text}`);
	};

const copy: Effect = ({ actions, active: { snapshot, table }, say }) => {
	const row = table.rows[table.selected];
	if (row === undefined || !snapshot) return say('select a row to copy');
	const text = rowText(table.columns, row, secondsOf(snapshot));
	actions.copy(text);
	say(`copied (if the terminal allows OSC 52): ${text}`);
};

/** Measure the selected row only, or everything again. */
const narrow: Effect = ({ actions, active: { tracer, snapshot, table }, say }) => {
	if (!snapshot || !table.view?.narrow) return say(`${tracer.title} cannot be narrowed down`);
	const row = table.rows[table.selected];
	const changes = table.view.narrow(row, snapshot as never);
	if (Object.keys(changes).length === 0)
		return say(row ? 'rows like this one cannot be measured alone' : 'select a row first');
	actions.tune(tracer.id, changes);
};

const fullPath: Effect = ({ actions, active: { tracer, snapshot, loaded }, say }) => {
	if (!snapshot || !loaded?.fullPath) return say(`${tracer.title} has no full path`);
	const changes = loaded.fullPath(snapshot as never);
	if (Object.keys(changes).length === 0) return say('the full path cannot be measured here');
	actions.tune(tracer.id, changes);
	say(`full path ${Object.values(changes).includes(true) ? 'on' : 'off'} from the next interval`);
};

/** Read and show full command lines, or no longer. */
const commandLines: Effect = ({ actions, active: { tracer, snapshot }, say }) => {
	if (!snapshot || !('arguments' in snapshot))
		return say(`${tracer.title} has no command lines; they are on the overview`);
	const on = snapshot.arguments !== true;
	actions.tune(tracer.id, { arguments: on });
	say(`command lines ${on ? 'on' : 'off'} from the next interval`);
};

/** Show the tab and row of a finding. */
async function showFinding(context: CommandContext, key: string): Promise<void> {
	const { tabs, store, keymap, active, groups, say, dispatch } = context;
	const at = keysOf(keymap, 'finding').indexOf(key);
	const link = active.snapshot && active.loaded?.links?.(active.snapshot as never)[at];
	if (!link) {
		say(`no finding ${key} here`);
		return;
	}
	if (link.group !== undefined && link.group !== store.current(link.tab)?.group) groups.choose(link.tab, link.group);
	const to = tabs.find(({ tracer }) => tracer.id === link.tab);
	// the names of the views are loaded with the tab
	const { views = [] } = link.view !== undefined && to ? await to.tab() : {};
	dispatch({ kind: 'show', link, view: Math.max(0, views.indexOf(link.view ?? '')) });
}

/** Profile the process of the lens, or what the selected row stands for, or the machine; on the profile's tab: anew. */
const profile: Effect = ({ tabs, actions, active: { tracer, snapshot, table }, lens, say, dispatch }) => {
	if (!tabs.some((tab) => tab.tracer.id === PROFILE)) return say('profiles are left out');
	const row = tracer.id === PROFILE ? undefined : table.rows[table.selected];
	const target =
		lens === null
			? row === undefined || !snapshot
				? WHOLE_MACHINE
				: profileTarget(row, snapshot.group, table.list ? undefined : tracer.processOf?.(row))
			: { ...WHOLE_MACHINE, pid: processId(lens).pid };
	if (target === null) return say('rows like this one cannot be profiled: select a process, thread, group or none');
	if (tracer.id !== PROFILE || lens !== null) {
		actions.tune(PROFILE, { ...target, unwind: false, stop_after: 0, begin: nextBegin() });
		dispatch({ kind: 'profile', tab: PROFILE });
	} else {
		actions.tune(PROFILE, { unwind: false, stop_after: 0, begin: nextBegin() });
		say('the profile begins anew');
	}
};

/** Length of the profile for findings. */
const PROBE_SECONDS = 2;

/** For 2 s, without leaving the tab: findings name the hottest function or lock from then on. */
const probe: Effect = ({ tabs, actions, active: { tracer }, say }) => {
	if (!tabs.some((tab) => tab.tracer.id === PROFILE)) return say('profiles are left out');
	actions.tune(PROFILE, {
		...WHOLE_MACHINE,
		stop_after: PROBE_SECONDS,
		begin: nextBegin(),
	});
	// starts it, and ends it a minute later
	actions.setActiveTab(PROFILE);
	actions.setActiveTab(tracer.id);
	say(`profiles the machine for ${PROBE_SECONDS} s: findings name the hottest function or lock`);
};

/** The next kind of profile. */
const mode: Effect = ({ actions, active: { tracer, snapshot }, say }) => {
	if (tracer.id !== PROFILE || !snapshot) return say('kinds of profiles are chosen on the profile tab');
	const at = PROFILE_MODES.indexOf((snapshot as unknown as ProfileExtra).mode);
	const next = PROFILE_MODES[(at + 1) % PROFILE_MODES.length] as string;
	actions.tune(PROFILE, { mode: next, stop_after: 0 });
	say(`${next}: begins now`);
};

/** Stacks without frame pointers. */
const unwind: Effect = ({ actions, active: { tracer, snapshot }, say }) => {
	if (tracer.id !== PROFILE) return say('stacks are unwound on the profile tab');
	// without a snapshot the profile is about to begin
	const on = !(snapshot as unknown as ProfileExtra | null)?.unwound;
	actions.tune(PROFILE, { unwind: on, stop_after: 0, begin: nextBegin() });
	say(on ? 'begins anew, and unwinds stacks for 10 s by the tables of the files' : 'begins anew by frame pointers');
};

/** A command has an entry here, in `transitions` (state/transitions.ts), or both. */
export const effects = {
	copy,
	narrow: measuring(narrow),
	profile: measuring(profile),
	mode: measuring(mode),
	unwind: measuring(unwind),
	probe: measuring(probe),
	arguments: measuring(commandLines),
	'full-path': measuring(fullPath),
	finding: (context, key) => void showFinding(context, key),
	detail: ({ actions, active: { table }, lens, overlay }) => {
		const row = table.rows[Math.max(0, table.selected)];
		if (row !== undefined && lens === null && !overlay) actions.open(row);
	},
	captures: ({ actions, active: { tracer, table }, say }) => {
		const row = table.rows[Math.max(0, table.selected)];
		if (tracer.id !== FLEET) return say('captures of other hosts are listed on the fleet: wattlag fleet');
		if (row === undefined) return say('select a host');
		actions.open(row, 'captures');
	},
	'next-finding': finding(1),
	'previous-finding': finding(-1),
	'next-event': event(1),
	'previous-event': event(-1),
	'next-mark': mark(1),
	'previous-mark': mark(-1),
	pause: ({ store }) => store.setPaused(!store.paused),
	live: ({ store }) => store.setPaused(false),
	'step-back': travel(-1),
	'step-forward': travel(1),
	'jump-back': travel(-jump),
	'jump-forward': travel(jump),
	faster: ({ changeDelay }) => changeDelay(-1),
	slower: ({ changeDelay }) => changeDelay(1),
	group: ({ lens, groups, active, say, actions }) => {
		if (actions.recorded())
			say(`a recording has the rows that were recorded: by ${active.snapshot?.group ?? 'nothing'}`);
		else if (lens === null && !groups.next()) say(`${active.tracer.title} has one grouping only`);
	},
	baseline: ({ toggleBaseline }) => toggleBaseline(),
	record: ({ actions, say }) => {
		say('writing…');
		void actions.record().then(say);
	},
	capture: ({ actions, say }) => {
		say('capturing…');
		void actions.capture().then(say);
	},
	quit: ({ actions }) => actions.quit(),
	suspend: ({ actions }) => actions.suspend(),
	redraw: ({ actions }) => actions.redraw(),
} as const satisfies Partial<Record<Command, Effect>>;

export function runEffect(command: Command, context: CommandContext, key: string): void {
	(effects as Partial<Record<Command, Effect>>)[command]?.(context, key);
}
