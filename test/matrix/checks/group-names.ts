import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const GROUPS = '/sys/fs/cgroup/matrix';
const OTHERS = 2000;

export default {
	shows: `A control group made after the start, beside ${OTHERS} others, has its name in the first interval in which it ran.`,
	// stamps of our own, as on 5.10, are by process and CPU only
	on: (machine) => isPlain(machine) && machine.kernel !== '5.10',
	limit: 240,
	async run(guest) {
		const made: string[] = [];
		const make = (path: string): void => {
			mkdirSync(path);
			made.push(path);
		};
		guest.atEnd(() => {
			for (const path of made.reverse()) rmdirSync(path);
		});
		make(GROUPS);
		const session = guest.measure(runqlat, {}, 'cgroup');
		session.read();
		for (let index = 0; index < OTHERS; index++) make(`${GROUPS}/other${index}`);
		for (let index = 0; index < 3; index++) {
			const name = `new${index}`;
			make(`${GROUPS}/${name}`);
			const script = `echo $$ >${GROUPS}/${name}/cgroup.procs; i=0; while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.01; done`;
			await guest.shell(script);
			const names = session.read().rows.map(({ key }) => key.comm as string);
			assert.ok(
				names.some((one) => one.includes(name)),
				`no row ${name} among ${names.join(' ')}`,
			);
			assert.ok(!names.some((one) => one.startsWith('#')), `groups without names: ${names.join(' ')}`);
		}
	},
} satisfies Check;
