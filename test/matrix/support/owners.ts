/** Bytes that processes read and wrote by our count, by the name of the process. */
import { io } from '../../../src/tracers/io/tracer.ts';
import type { Guest } from '../check.ts';
import { losses } from './agree.ts';

export interface Charged {
	/** comm → bytes. */
	read: Map<string, number>;
	written: Map<string, number>;
	/** Control group → bytes of its processes. */
	groups: Map<string, number>;
}

/** A copy of dd with a name that nothing else has. */
export async function ddNamed(guest: Guest, name: string): Promise<string> {
	const path = `${guest.folder}/${name}`;
	await guest.run('cp', '/bin/dd', path);
	return path;
}

/** Measure while `use` runs. */
export async function chargedTo(guest: Guest, use: () => Promise<unknown>): Promise<Charged> {
	const session = guest.measure(io, { slow: 1000 }, 'process');
	session.read();
	await use();
	await guest.seconds(0.5);
	const { extra, lost } = session.read();
	guest.note(`lost ${JSON.stringify(losses(lost))}`);
	const charged: Charged = { read: new Map(), written: new Map(), groups: new Map() };
	const add = (sums: Map<string, number>, key: string, bytes: number) => sums.set(key, (sums.get(key) ?? 0) + bytes);
	for (const { comm, cgroup, bytes_read, bytes_written } of extra.processes) {
		add(charged.read, comm, bytes_read);
		add(charged.written, comm, bytes_written);
		add(charged.groups, cgroup, bytes_read + bytes_written);
	}
	return charged;
}
