/** Waits by stamps of the test's own, and the state of every task (fixtures/own-waits.bpf.c): a truth beside the scheduler's. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { viewOf } from '../../src/lib/decode.ts';
import { realHost } from './host.ts';
import { temporaryDirectory } from './leftovers.ts';

export interface TaskState {
	tid: number;
	tgid: number;
	/** Not in the state of a runnable task, and on no queue or only until it would be picked. */
	asleep: boolean;
	/** Has a stamp of the scheduler. */
	stamped: boolean;
	/** Away from a CPU: the same number twice means that it did not run in between. */
	switches: number;
}

export interface EndedWaits {
	count: number;
	sum_ns: number;
	max_ns: number;
}

export interface OwnWaits {
	/** By thread. */
	states(): Map<number, TaskState>;
	/** Since start, by thread; empty where only states were asked for. */
	waits(): Map<number, EndedWaits>;
	close(): void;
}

const STATE = 40;
const WAITS = 24;
const MOST = 65536;

/** @param measure stamp wake-ups and switches, not only list states */
export function ownWaits(measure = true): OwnWaits {
	const directory = temporaryDirectory('/var/tmp/wattlag-own-waits-');
	const path = join(directory.path, 'own-waits.bpf.o');
	const target = process.arch === 'arm64' ? 'arm64' : 'x86';
	const flags = `-g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${target} -I bpf -c test/truth/fixtures/own-waits.bpf.c -o`;
	execFileSync('clang', [...flags.split(' '), path], { stdio: 'inherit' });
	const object = realHost().addon.open(path);
	directory.remove();
	const hooks = object.programs().filter(({ section }) => !section.startsWith('iter/'));
	if (!measure) for (const { name } of hooks) object.setAutoload(name, false);
	object.load();
	object.attach('states');
	if (measure) for (const { name } of hooks) object.attach(name);
	const keys = new Uint8Array(MOST * 4);
	const values = new Uint8Array(MOST * WAITS);
	let buffer = new Uint8Array(1 << 18);
	return {
		states() {
			let written = object.iterate('states', buffer);
			while (written > buffer.length) {
				buffer = new Uint8Array(written * 2);
				written = object.iterate('states', buffer);
			}
			const view = viewOf(buffer);
			const states = new Map<number, TaskState>();
			for (let at = 0; at < written; at += STATE) {
				const word = (index: number): number => view.getUint32(at + index * 4, true);
				const asleep = word(2) !== 0 && word(3) === 0 && (word(4) === 0 || word(5) !== 0);
				const switches = Number(view.getBigUint64(at + 32, true));
				states.set(word(0), { tid: word(0), tgid: word(1), asleep, stamped: word(6) !== 0, switches });
			}
			return states;
		},
		waits() {
			const found = object.readBatch('waits', keys, values);
			const [tids, view] = [viewOf(keys), viewOf(values)];
			return new Map(
				Array.from({ length: found }, (_, index) => {
					const [count, sum_ns, max_ns] = [0, 8, 16].map((at) => Number(view.getBigUint64(index * WAITS + at, true)));
					return [tids.getUint32(index * 4, true), { count, sum_ns, max_ns } as EndedWaits];
				}),
			);
		},
		close: () => object.close(),
	};
}

/** Was the task asleep from one list of states to the other? */
export function sleptThrough(tid: number, before: Map<number, TaskState>, after: Map<number, TaskState>): boolean {
	const [from, to] = [before.get(tid), after.get(tid)];
	return from !== undefined && to !== undefined && from.asleep && to.asleep && from.switches === to.switches;
}
