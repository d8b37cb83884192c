/** Rings far too small for an interval: they are emptied several times in it, so that every process counts. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Host } from '../../src/core/tracer.ts';
import { Sampling } from '../../src/sampling/sampling.ts';
import type { EnergyExtra, EnergyRow } from '../../src/tracers/energy/snapshot.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { treePerFile } from '../lib/tree.ts';
import { realHost } from './host.ts';

const run = promisify(execFile);
const tree = treePerFile();
const name = 'wl-drained';

const ENDED = 1250;
/** For 500 threads that end, and for 700 processes that waited: less than one interval has. */
const RING = { energy: 128 << 10, runqlat: 512 << 10 };

/** This machine with small rings of ended tasks. */
function smallRings(): Host {
	const host = realHost();
	const open: Host['addon']['open'] = (path) => {
		const ring = path.includes('/runqlat') ? RING.runqlat : RING.energy;
		const object = host.addon.open(path);
		const setMaxEntries = object.setMaxEntries.bind(object);
		object.setMaxEntries = (map, entries) => setMaxEntries(map, map === 'ended' ? ring : entries);
		setMaxEntries('ended', ring);
		return object;
	};
	const addon = new Proxy(host.addon, { get: (target, name) => (name === 'open' ? open : Reflect.get(target, name)) });
	return { ...host, addon };
}

test('each of more than a thousand processes that end in one interval is counted', async () => {
	const found = new Map<string, Snapshot>();
	const second = Promise.withResolvers<void>();
	const begun = Promise.withResolvers<void>();
	const sampling = new Sampling({
		tracers: [energy, runqlat] as never,
		host: smallRings(),
		delay: 7,
		firstDelay: 0.2,
		groups: {},
		sections: { energy: { source: 'model' } },
		emit(event) {
			if (event.kind === 'unavailable') second.reject(new Error(event.reason));
			if (event.kind !== 'snapshot') return;
			// the first interval ends before the load begins
			if (found.has(event.snapshot.tab)) second.resolve();
			found.set(event.snapshot.tab, event.snapshot);
			if (found.size === 2) begun.resolve();
		},
	});
	try {
		await sampling.start();
		await begun.promise;
		const before = { ...found.get('energy')?.lost, ...found.get('runqlat')?.lost };
		tree.link(name, '/bin/true');
		await run('sh', ['-c', `i=0; while [ $i -lt ${ENDED} ]; do ${tree.path(name)}; i=$((i+1)); done`]);
		await second.promise;
		await new Promise((resolve) => setTimeout(resolve, 200));
		const { rows, lost, ended } = found.get('energy') as Snapshot<EnergyRow> & Pick<EnergyExtra, 'ended'>;
		expect(lost['ended_threads']).toBe(before['ended_threads'] ?? 0);
		expect(rows.filter(({ comm }) => comm === name)).toHaveLength(ENDED);
		expect(ended).toBeGreaterThanOrEqual(ENDED);
		const waits = found.get('runqlat') as Snapshot<RunqlatRow>;
		expect(waits.lost['ended_processes']).toBe(before['ended_processes'] ?? 0);
		expect(waits.rows.filter(({ key }) => key.comm === name).length).toBeGreaterThan(0.5 * ENDED);
	} finally {
		sampling.close();
	}
});
