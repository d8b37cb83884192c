/** Chrome's JSON trace, which chrome://tracing, Perfetto and speedscope open. Times are in µs. */
import { type Arguments, type TraceEvent, type TraceInput, type Track, traceEvents } from './trace-events.ts';

interface JsonEvent {
	ph: 'X' | 'i' | 'C' | 'M';
	name: string;
	pid: number;
	tid: number;
	ts: number;
	[field: string]: unknown;
}

/** Tracks as that format knows them: a group is a process, a track its thread. */
class Ids {
	private readonly groups = new Map<string, { pid: number; tracks: Map<string, number> }>();

	/** `fresh`: events that name what has no name yet. */
	of({ group, name }: Track): { pid: number; tid: number; fresh: JsonEvent[] } {
		const fresh: JsonEvent[] = [];
		let known = this.groups.get(group);
		if (!known) {
			known = { pid: this.groups.size + 1, tracks: new Map() };
			this.groups.set(group, known);
			fresh.push({ ph: 'M', name: 'process_name', pid: known.pid, tid: 0, ts: 0, args: { name: group } });
		}
		let tid = known.tracks.get(name);
		if (tid === undefined) {
			tid = known.tracks.size + 1;
			known.tracks.set(name, tid);
			fresh.push({ ph: 'M', name: 'thread_name', pid: known.pid, tid, ts: 0, args: { name } });
		}
		return { pid: known.pid, tid, fresh };
	}
}

function eventsOf(event: TraceEvent, ids: Ids): JsonEvent[] {
	const { pid, tid, fresh } = ids.of(event.track);
	const at = { pid, tid, ts: event.at / 1e3 };
	switch (event.kind) {
		case 'counter': {
			const name = event.unit === '' ? event.track.name : `${event.track.name} (${event.unit})`;
			// a counter has no thread
			return [
				...fresh.filter(({ name: kind }) => kind === 'process_name'),
				{ ph: 'C', name, ...at, tid: 0, args: { value: event.value } },
			];
		}
		case 'instant':
			return [...fresh, { ph: 'i', name: event.name, ...at, s: 't', args: event.args }];
		case 'slice': {
			const slice = (name: string, ts: number, ns: number, args: Arguments): JsonEvent => ({
				ph: 'X',
				name,
				pid,
				tid,
				ts: ts / 1e3,
				dur: ns / 1e3,
				args,
			});
			const parts = (event.parts ?? []).map((part) => slice(part.name, part.at, part.ns, {}));
			return [...fresh, slice(event.name, event.at, event.ns, event.args), ...parts];
		}
	}
}

export async function* chromeTrace(
	input: TraceInput & { about: Readonly<Record<string, string | number>> },
): AsyncGenerator<string> {
	const ids = new Ids();
	yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify(input.about)},"traceEvents":[`;
	let separator = '\n';
	for await (const event of traceEvents(input)) {
		const text = eventsOf(event, ids).map((one) => JSON.stringify(one));
		if (text.length === 0) continue;
		yield separator + text.join(',\n');
		separator = ',\n';
	}
	yield '\n]}\n';
}
