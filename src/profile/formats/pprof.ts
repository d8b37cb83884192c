/** pprof: gzipped protocol buffers, as `go tool pprof`, Parca, Pyroscope and Speedscope read them. */
import { gzipSync } from 'node:zlib';
import type { Profile } from '../model.ts';

/** Samples and time, with labels of process, thread and state. */
export async function pprof(profile: Profile): Promise<Uint8Array> {
	const {
		Function: Fn,
		Label,
		Line,
		Location,
		Mapping,
		Profile: File,
		Sample,
		StringTable,
		ValueType,
	} = await import('pprof-format');
	const strings = new StringTable();
	const text = (word: string) => strings.dedup(word);
	const mappings = new Map<string, InstanceType<typeof Mapping>>();
	const mappingOf = (module: string, buildId: string): number => {
		const key = `${module}\0${buildId}`;
		let mapping = mappings.get(key);
		if (!mapping) {
			mapping = new Mapping({
				id: mappings.size + 1,
				filename: text(module),
				buildId: text(buildId),
				hasFunctions: true,
			});
			mappings.set(key, mapping);
		}
		return Number(mapping.id);
	};
	const functions = profile.frames.map(
		({ name, module }, index) =>
			new Fn({ id: index + 1, name: text(name), systemName: text(name), filename: text(module) }),
	);
	const locations = profile.frames.map(
		({ module, build_id }, index) =>
			new Location({
				id: index + 1,
				mappingId: module === '' ? 0 : mappingOf(module, build_id),
				line: [new Line({ functionId: index + 1 })],
			}),
	);
	const [pid, tid, comm, thread, state, lock] = ['pid', 'tid', 'process', 'thread', 'state', 'lock'].map(text);
	const samples = profile.stacks.map(
		(stack) =>
			new Sample({
				// the innermost frame first
				locationId: stack.frames.map((index) => index + 1).reverse(),
				value: [Math.round(stack.count), Math.round(stack.ns)],
				label: [
					new Label({ key: pid as number, num: stack.pid }),
					new Label({ key: tid as number, num: stack.tid }),
					new Label({ key: comm as number, str: text(stack.comm) }),
					new Label({ key: thread as number, str: text(stack.thread) }),
					new Label({ key: state as number, str: text(stack.state) }),
					...(stack.lock === undefined ? [] : [new Label({ key: lock as number, str: text(stack.lock) })]),
				],
			}),
	);
	const type = profile.mode === 'on-cpu' ? 'cpu' : profile.mode;
	const unit = text('nanoseconds');
	const file = new File({
		sampleType: [
			new ValueType({ type: text(profile.mode === 'on-cpu' ? 'samples' : 'events'), unit: text('count') }),
			new ValueType({ type: text(type), unit }),
		],
		sample: samples,
		mapping: [...mappings.values()],
		location: locations,
		function: functions,
		stringTable: strings,
		timeNanos: BigInt(profile.begun_ms) * 1_000_000n,
		durationNanos: BigInt(Math.round(profile.seconds * 1e9)),
		periodType: new ValueType({ type: text(type), unit }),
		period: profile.hz > 0 ? Math.round(1e9 / profile.hz) : 1,
		defaultSampleType: text(type),
	});
	return gzipSync(file.encode());
}
