import assert from 'node:assert/strict';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

export default {
	shows:
		'What ends idle periods is counted by process, timer and interrupt, none of them longer than it was counted; energy of disks is divided by bytes.',
	on: isPlain,
	async run(guest) {
		// 1 J for a GB: a µJ for 1,000 bytes
		const begun = process.hrtime.bigint();
		const session = guest.measure(energy, { rest: true, 'disk-write-j': 1, 'network-j': 1 });
		session.read();
		const pipe = 'i=0; while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.05; echo; done | taskset -c 1 cat >/dev/null';
		const writer = Number(
			await guest.shell(
				`taskset -c 0 sh -c '${pipe}' & echo $$; dd if=/dev/zero of=${guest.disk} bs=64k count=64 oflag=direct status=none; wait`,
			),
		);
		await guest.seconds(0.5);
		const { extra, source } = session.read();
		const { wakes } = extra.rest ?? assert.fail('no rest');
		assert.ok(wakes, extra.rest?.missing.join('; '));
		assert.ok(
			wakes.causes.some(({ via }) => via === 'timer'),
			'no timer ended an idle period',
		);
		assert.equal(wakes.full, 0);
		// no period is older than its counting
		const elapsed = Number(process.hrtime.bigint() - begun);
		const idle = wakes.causes.reduce((sum, one) => sum + one.idle_ns, 0);
		const seconds = (ns: number): string => `${(ns / 1e9).toFixed(2)} s`;
		assert.ok(idle <= elapsed * guest.machine.cpus, `idle for ${seconds(idle)} in ${seconds(elapsed)}`);
		const longest = Math.max(...wakes.causes.map((one) => one.idle_ns / one.wakes));
		assert.ok(longest <= elapsed, `a mean period of ${seconds(longest)} in ${seconds(elapsed)}`);
		guest.note(`idle for ${seconds(idle)} in ${seconds(elapsed)}`);
		const counted = wakes.causes.reduce((sum, one) => sum + one.wakes, 0);
		guest.note(`${counted} wake-ups, ${wakes.causes.filter(({ via }) => via === 'process').length} pairs of processes`);
		const disk = extra.machine?.parts.find(({ name }) => name === 'disk writes') ?? assert.fail('no disk writes');
		const written = Math.floor(64 * 65.536);
		assert.ok((disk.energy_uj ?? 0) >= written, `${disk.energy_uj} µJ for ${written} kB`);
		assert.ok((disk.processes_uj ?? 0) >= 0.9 * written, `${disk.processes_uj} µJ divided (shell ${writer})`);
		assert.ok((disk.processes_uj ?? 0) <= (disk.energy_uj ?? 0));
		const sockets = source.hooks.some((hook) => hook.endsWith('sock_send_length'));
		// the tracepoint exists since 6.4
		const missing = source.missing ?? [];
		assert.ok(
			sockets || missing.some((sentence) => /sock_send_length|energy of the network is not divided/.test(sentence)),
			`the missing division of the network's energy is not said: ${missing.join('; ')}`,
		);
		guest.note(missing.filter((sentence) => sentence.includes('network')).join('; '));
	},
} satisfies Check;
