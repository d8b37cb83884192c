/** DEMO: the real screen on fixture snapshots. What it does differently is chosen by DEMO_* variables. */
import type { Sampler } from '../../src/core/sampler.ts';
import { Store } from '../../src/history/store.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { HostInfo } from '../../src/system/local-host.ts';
import type { ProcessDetails } from '../../src/system/process-details.ts';
import type { ThemeName } from '../../src/term/theme.ts';
import type { LiveOptions } from '../../src/ui/live.tsx';
import type { TabEntry, TabView } from '../../src/ui/tab.ts';
import { FixtureSampler, type FixtureSamplerOptions } from '../ui/fixtures/sampler.ts';
import { fixtureTabs } from '../ui/fixtures/tabs.ts';

export type DemoVariables = Readonly<Record<string, string | undefined>>;

/** In the order of their digits. */
export const demoTabs: readonly TabEntry[] = fixtureTabs;

const list = (text: string | undefined) => (text ? text.split(',') : []);

const throwing: TabView<never, object> = {
	content: () => {
		throw new Error('this tab was made to fail');
	},
};

/** As `/proc` might have it. */
const details: ProcessDetails = {
	command: sanitize(
		'postgres: fixture writer 日本語の名前 --with --a --command=line that is longer than the screen is wide',
	),
	user: sanitize('postgres'),
	cgroup: sanitize('/system.slice/postgresql.service'),
	state: sanitize('sleeping'),
	threads: 4,
	started: Date.UTC(2025, 0, 1, 11),
	parents: [{ pid: 1, comm: sanitize('systemd') }],
};

export function fixtureOptions(env: DemoVariables): FixtureSamplerOptions {
	return {
		attachMs: Number(env['DEMO_ATTACH'] ?? 300),
		rows: Number(env['DEMO_ROWS'] ?? 40),
		past: Number(env['DEMO_PAST'] ?? 0),
		cpus: Number(env['DEMO_CPUS'] ?? 8),
		gap: Number(env['DEMO_GAP'] ?? -1),
		unavailable: list(env['DEMO_UNAVAILABLE']),
		empty: list(env['DEMO_EMPTY']),
		hold: Boolean(env['DEMO_HOLD']),
	};
}

export function demoOptions(
	env: DemoVariables,
	sampler: Sampler = new FixtureSampler(fixtureOptions(env)),
): LiveOptions {
	const fixed: HostInfo = {
		host: sanitize('fixture'),
		kernel: sanitize('6.1.0'),
		cpus: Number(env['DEMO_CPUS'] ?? 8),
		load: () => [0.1, 0.2, 0.3],
		uptime: () => 3661,
	};
	return {
		registry: demoTabs.map((entry) =>
			list(env['DEMO_THROW']).includes(entry.tracer.id) ? { ...entry, tab: async () => throwing } : entry,
		),
		sampler,
		command: {
			tab: env['DEMO_TAB'] ?? 'energy',
			delay: 1,
			mouse: Boolean(env['DEMO_MOUSE']),
			keys: JSON.parse(env['DEMO_KEYS'] ?? '{}'),
			filter: env['DEMO_FILTER'] ?? '',
			appearance: {
				theme: (env['DEMO_THEME'] ?? 'auto') as ThemeName,
				colours: env['DEMO_COLOURS'] === '16' ? 16 : 'auto',
				ascii: Boolean(env['DEMO_ASCII']),
			},
		},
		inspect: async () => details,
		open: () => {},
		// what is held does not grow old, however slow the machine
		...(env['DEMO_HOLD'] ? { host: fixed, store: new Store({ now: () => 0 }) } : {}),
	};
}
