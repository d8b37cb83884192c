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
/** For 500 threads that end, and for 850 processes that waited: less than one interval has. */
const RING = { energy: 128 << 10, runqlat: 256 << 10 };

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
	/** Of each tab, its first two snapshots. */
	const found = { energy: [] as Snapshot[], runqlat: [] as Snapshot[] };
	const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
	const sampling = new Sampling({
		tracers: [energy, runqlat] as never,
		host: smallRings(),
		// until the load has ended, however long it takes
		delay: 600,
		firstDelay: 0.2,
		groups: {},
		sections: { energy: { source: 'model' } },
		emit(event) {
			if (event.kind === 'unavailable') for (const end of [begun, ended]) end.reject(new Error(event.reason));
			if (event.kind !== 'snapshot') return;
			found[event.snapshot.tab as keyof typeof found].push(event.snapshot);
			const intervals = Math.min(found.energy.length, found.runqlat.length);
			// the first interval ends before the load begins
			if (intervals >= 1) begun.resolve();
			if (intervals >= 2) ended.resolve();
		},
	});
	try {
		await sampling.start();
		await begun.promise;
		const before = { ...found.energy[0]?.lost, ...found.runqlat[0]?.lost };
		tree.link(name, '/bin/true');
		await run('sh', ['-c', `i=0; while [ $i -lt ${ENDED} ]; do ${tree.path(name)}; i=$((i+1)); done`]);
		// the last records come after a grace period of the kernel
		sampling.setDelay(1.5);
		await ended.promise;
		const energies = found.energy[1] as Snapshot<EnergyRow> & Pick<EnergyExtra, 'ended'>;
		expect(energies.lost['ended_threads']).toBe(before['ended_threads'] ?? 0);
		expect(energies.rows.filter(({ comm }) => comm === name)).toHaveLength(ENDED);
		expect(energies.ended).toBeGreaterThanOrEqual(ENDED);
		const waits = found.runqlat[1] as Snapshot<RunqlatRow>;
		expect(waits.lost['ended_processes']).toBe(before['ended_processes'] ?? 0);
		expect(waits.rows.filter(({ key }) => key.comm === name).length).toBeGreaterThan(0.5 * ENDED);
	} finally {
		sampling.close();
	}
});
