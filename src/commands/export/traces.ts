/** Traces for viewers. */
import type { Snapshot } from '../../core/snapshot.ts';
import { chromeTrace } from '../../export/chrome-trace.ts';
import { perfettoTrace } from '../../export/perfetto-trace.ts';
import type { Exporter } from './exporter.ts';

export const chrome: Exporter = ({ snapshots, marks, slices, machine, version }) => {
	const { host, kernel, cpus } = machine;
	return chromeTrace({ snapshots, marks, slices, about: { host, kernel, cpus, wattlag: version } });
};

export const perfetto: Exporter = async function* ({ snapshots, marks, slices }) {
	const iterator = snapshots[Symbol.asyncIterator]();
	const first = await iterator.next();
	if (first.done) {
		yield* perfettoTrace({ snapshots, marks, slices });
		return;
	}
	async function* all(): AsyncGenerator<Snapshot> {
		yield first.value as Snapshot;
		for (;;) {
			const next = await iterator.next();
			if (next.done) return;
			yield next.value;
		}
	}
	const { mono_ns, time } = first.value;
	yield* perfettoTrace({ snapshots: all(), marks, slices, clocks: { mono_ns, wall: Date.parse(time) } });
};
