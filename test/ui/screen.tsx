/** The whole screen on a store that the test fills. */
import './blessed-hook.ts';
import { render } from 'ink-testing-library';
import { afterEach, beforeEach, type Mock, vi } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { decode, encode } from '../../src/history/archive.ts';
import { Store } from '../../src/history/store.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { AppActions } from '../../src/ui/actions.ts';
import { App } from '../../src/ui/app.tsx';
import type { TabEntry } from '../../src/ui/tab.ts';
import { fixtureTabs } from './fixtures/tabs.ts';
import { plain, settle } from './plain.ts';

const host = {
	host: sanitize('machine'),
	kernel: sanitize('6.1.0'),
	cpus: 8,
	load: () => [0.1, 0.2, 0.3],
	uptime: () => 3661,
};

function mockedActions() {
	return {
		quit: vi.fn<AppActions['quit']>(),
		suspend: vi.fn<AppActions['suspend']>(),
		redraw: vi.fn<AppActions['redraw']>(),
		setInterval: vi.fn<AppActions['setInterval']>(),
		setGroup: vi.fn<AppActions['setGroup']>(),
		setActiveTab: vi.fn<AppActions['setActiveTab']>(),
		recorded: vi.fn<AppActions['recorded']>(() => false),
		tune: vi.fn<AppActions['tune']>(),
		copy: vi.fn<AppActions['copy']>(),
		open: vi.fn<AppActions['open']>(),
		record: vi.fn<AppActions['record']>(async () => 'written: /somewhere/file'),
		capture: vi.fn<AppActions['capture']>(async () => 'captured: /somewhere/file.wlb'),
		inspect: vi.fn<AppActions['inspect']>(async () => null),
	} satisfies { [Name in keyof AppActions]: Mock<AppActions[Name]> };
}

export interface Screen {
	/** Of the test that runs. */
	readonly store: Store;
	readonly actions: ReturnType<typeof mockedActions>;
	text(): string;
	keys(...sent: string[]): Promise<void>;
	show(...snapshots: object[]): Promise<void>;
}

/** Once for a test file; each test has a screen of its own. */
export function onScreen(
	initialTab: string,
	tabs: readonly TabEntry[] = fixtureTabs,
	newStore = () => new Store(),
): Screen {
	let store: Store;
	let actions: Screen['actions'];
	let screen: ReturnType<typeof render>;

	beforeEach(async () => {
		store = newStore();
		actions = mockedActions();
		screen = render(<App tabs={tabs} initialTab={initialTab} store={store} host={host} delay={1} actions={actions} />);
		await settle();
	});
	afterEach(() => screen.unmount());

	return {
		get store() {
			return store;
		},
		get actions() {
			return actions;
		},
		text: () => plain(screen.lastFrame()),
		async keys(...sent) {
			for (const key of sent) {
				screen.stdin.write(key);
				await settle(key === '\x1b' ? 80 : 20);
			}
		},
		async show(...snapshots) {
			for (const snapshot of snapshots) {
				// as it comes from the sampling thread
				const sent = encode(snapshot as Snapshot);
				store.apply({ kind: 'snapshot', snapshot: decode(sent), packed: sent.packed });
			}
			await settle();
		},
	};
}
