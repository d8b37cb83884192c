/** Section `reading`: what a tick costs in user space, by number of processes and CPUs; and the whole program. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BpfAddon, BpfObject } from '../../src/core/native.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Host, Reading, Session, Tracer } from '../../src/core/tracer.ts';
import { loadTracers, registry } from '../../src/registry.ts';
import { seconds } from '../truth/host.ts';
import type { Bench } from './bench.ts';
import { emptyPrograms, openScreen } from './contenders.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { cpuTime } from './terminal/process-figures.ts';

export const ALL = 'all tabs';
const COUNTS = [100, 1000, 10_000];
const CPUS = 256;

export function tickOf(processes: number, awake: boolean): string {
	return `tick, ${processes.toLocaleString('en-GB')} processes ${awake ? 'that all ran' : 'asleep'}`;
}
export const USER_SPACE = 'whole program, screen at 1 s, CPU time per second';

/** Processes wake up so often, ms, and are read so often, s; those that sleep are read more often. */
const AWAKE_MS = 500;
const AWAKE_TICK = 0.6;
const ASLEEP_TICK = 0.15;

/** Of each round. */
const TICKS = 7;
const WARM = 5;

/** What tabs made of others get to read. */
function snapshotOf(
	{ id, groups }: Tracer<object, object>,
	{ rows, source, lost, extra }: Reading<object, object>,
	dt_ns: number,
): Snapshot {
	const [time, mono_ns] = [new Date().toISOString(), Number(process.hrtime.bigint())];
	const cost = {
		bpf_ns: 0,
		bpf_runs: 0,
		bpf_measured_ns: 0,
		bpf_price_age_ns: null,
		bpf_uncertainty: null,
		cpu_ns: 0,
		rss_bytes: 0,
		kernel_bytes: null,
	};
	return { schema: 1, tab: id, time, mono_ns, dt_ns, group: groups[0] as string, source, lost, cost, rows, ...extra };
}

interface Running {
	tracer: Tracer<object, object>;
	session: Session<object, object>;
}

/** What runs behind a screen that has just been opened, what is made of others last. */
async function open(host: Host): Promise<Running[]> {
	const loaded = await loadTracers(registry.map(({ tracer }) => tracer.id));
	const tracers = loaded.filter(({ onDemand }) => !onDemand);
	return [...tracers.filter(({ from }) => !from), ...tracers.filter(({ from }) => from)].map((tracer) => ({
		tracer,
		session: tracer.start(host, {}),
	}));
}

/** CPU time of this process so far, ms: what others do to the machine meanwhile is not in it. */
function ownTime(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

/** ms of CPU time that each tab's read takes, and all of them: of some ticks, after some that warm up. */
async function ticks(running: readonly Running[], interval: number): Promise<Map<string, number[]>> {
	const taken = new Map<string, number[]>([ALL, ...running.map(({ tracer }) => tracer.id)].map((name) => [name, []]));
	for (let tick = -WARM; tick < TICKS; tick++) {
		await seconds(interval);
		let sum = 0;
		const others = new Map<string, Snapshot>();
		for (const { tracer, session } of running) {
			const begun = ownTime();
			const reading = session.read(interval * 1e9, tracer.groups[0] as string, others);
			const ms = ownTime() - begun;
			sum += ms;
			others.set(tracer.id, snapshotOf(tracer, reading, interval * 1e9));
			if (tick >= 0) taken.get(tracer.id)?.push(ms);
		}
		if (tick >= 0) taken.get(ALL)?.push(sum);
	}
	return taken;
}

/** What reading costs at least: a list of all tasks by a program that does nothing, and a table of so many entries. */
async function floors({ addon }: Host, count: number): Promise<Map<string, number[]>> {
	const object = addon.open(emptyPrograms());
	try {
		for (const { name } of object.programs()) object.setAutoload(name, name === 'all_tasks');
		object.load();
		object.attach('all_tasks');
		const [key, value] = [new Uint8Array(8), new Uint8Array(64)];
		for (let entry = 0; entry < count; entry++) {
			new DataView(key.buffer).setUint32(0, entry, true);
			object.update('entries', key, value);
		}
		const [keys, values] = [new Uint8Array(8 * 16_384), new Uint8Array(64 * 16_384)];
		const taken = { list: [] as number[], table: [] as number[] };
		for (let tick = 0; tick < TICKS; tick++) {
			await seconds(ASLEEP_TICK);
			const begun = ownTime();
			object.iterate('all_tasks', value);
			const listed = ownTime();
			object.readBatch('entries', keys, values);
			taken.list.push(listed - begun);
			taken.table.push(ownTime() - listed);
		}
		return new Map([
			['floor: a list of all tasks that does nothing', taken.list],
			['for comparison: a hash table of as many entries, 64 bytes each, not decoded', taken.table],
		]);
	} finally {
		object.close();
	}
}

export async function withProcesses<T>(
	{ loads }: Bench,
	count: number,
	awake: boolean,
	use: () => Promise<T>,
): Promise<T> {
	const load = loads.start(undefined, 'processes', count, awake ? AWAKE_MS : 0);
	await once(load.stdout as NodeJS.ReadableStream, 'data');
	try {
		return await use();
	} finally {
		const gone = once(load, 'exit');
		load.kill('SIGKILL');
		await gone;
		// the children die of it, which takes its time
		await seconds(0.3 + count / 10_000);
	}
}

/** The addon as on a machine of this many CPUs, all of them as busy as those of this machine: their shards are repeated. */
function manyCpus(host: Host, cpus: number): Host {
	const real = host.addon.possibleCpus();
	const repeat = (object: BpfObject): BpfObject =>
		new Proxy(object, {
			get(target, name: keyof BpfObject) {
				const value = target[name];
				if (typeof value !== 'function') return value;
				if (name !== 'readMapped') return value.bind(target);
				return (map: string, into: Uint8Array, offset?: number): number => {
					const bytes = target.readMapped(map, into, offset);
					const stride = into.length / cpus;
					if (target.maps().find((one) => one.name === map)?.maxEntries === cpus && Number.isInteger(stride))
						for (let cpu = real; cpu < cpus; cpu++)
							into.copyWithin(cpu * stride, (cpu % real) * stride, ((cpu % real) + 1) * stride);
					return bytes;
				};
			},
		});
	const addon: BpfAddon = Object.assign(Object.create(host.addon) as BpfAddon, {
		possibleCpus: () => cpus,
		open: (path: string) => repeat(host.addon.open(path)),
	});
	return { ...host, addon };
}

/** Clock ticks of a process in user space and in the kernel. */
function modes(pid: number): { user: number; system: number } {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
		.replace(/^.*\) /s, '')
		.split(' ');
	return { user: Number(fields[11]), system: Number(fields[12]) };
}

async function wholeProgram({ quick }: Bench): Promise<Figure[]> {
	const figures: Figure[] = ['user space', 'user space and kernel'].map((contender) => ({
		what: USER_SPACE,
		contender,
		unit: 'ms',
		values: [],
	}));
	const rounds = quick ? 2 : 3;
	for (let round = 0; round < rounds; round++) {
		progress(`reading: the whole program, round ${round + 1} of ${rounds}`);
		const screen = await openScreen();
		// the compiler of JavaScript has calmed down by then
		await seconds(quick ? 3 : 8);
		const [cpu, before, begun] = [cpuTime(screen.pid).total, modes(screen.pid), performance.now()];
		await seconds(quick ? 3 : 8);
		const spent = (cpuTime(screen.pid).total - cpu) / 1e6 / ((performance.now() - begun) / 1000);
		const after = modes(screen.pid);
		const [user, system] = [after.user - before.user, after.system - before.system];
		await screen.close();
		figures[0]?.values.push((spent * user) / (user + system));
		figures[1]?.values.push(spent);
	}
	return figures;
}

export async function reading(bench: Bench): Promise<SectionResult> {
	const figures: Figure[] = [];
	const add = (what: string, taken: ReadonlyMap<string, readonly number[]>): void => {
		for (const [contender, ms] of taken) {
			const known = figures.find((figure) => figure.what === what && figure.contender === contender);
			if (known) known.values.push(...ms);
			else figures.push({ what, contender, unit: 'ms', values: [...ms] });
		}
	};
	const rounds = bench.quick ? 1 : 2;
	progress('reading: until the code is compiled');
	const cold = await open(bench.host);
	for (let times = 0; times < 3; times++) await ticks(cold, 0.05);
	for (const { session } of cold) session.close();
	for (let round = 0; round < rounds; round++) {
		for (const awake of [false, true]) {
			for (const count of COUNTS) {
				progress(`reading: ${tickOf(count, awake)}, round ${round + 1} of ${rounds}`);
				await withProcesses(bench, count, awake, async () => {
					const running = await open(bench.host);
					add(tickOf(count, awake), await ticks(running, awake ? AWAKE_TICK : ASLEEP_TICK));
					for (const { session } of running) session.close();
					if (!awake) add(tickOf(count, awake), await floors(bench.host, count));
				});
			}
		}
		for (const cpus of [bench.host.addon.possibleCpus(), CPUS]) {
			const what = `tick, ${cpus} possible CPUs, this machine's processes`;
			progress(`reading: ${what}, round ${round + 1} of ${rounds}`);
			const running = await open(cpus === CPUS ? manyCpus(bench.host, cpus) : bench.host);
			add(what, await ticks(running, ASLEEP_TICK));
			for (const { session } of running) session.close();
		}
	}
	figures.push(...(await wholeProgram(bench)));
	return {
		id: 'reading',
		title: 'Reading: what a tick costs in user space',
		notes: [
			`CPU time of one read, kernel side and collection of garbage included: ${TICKS} ticks after ${WARM} that warm up, in ${rounds === 1 ? 'one round' : `each of ${rounds} rounds`}. The processes are real; those that all ran woke up every ${AWAKE_MS} ms. ${CPUS} CPUs are computed: every map has room for so many, and what the CPUs of this machine wrote is repeated in it, so all are as busy as ours.`,
		],
		figures,
	};
}
