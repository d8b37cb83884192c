/**
 * Perfetto's own trace: TrackEvent packets with nanoseconds. Numbers of fields are those of Perfetto's .proto files, which
 * are stable; test/truth/export-files.test.ts reads a trace back by them with protoc.
 */
import { double, message, text, uint } from './protobuf.ts';
import { type Arguments, type TraceEvent, type TraceInput, type Track, traceEvents } from './trace-events.ts';

/** Trace.packet */
const PACKET = 1;
const packet = {
	clockSnapshot: 6,
	timestamp: 8,
	sequence: 10,
	trackEvent: 11,
	sequenceFlags: 13,
	clock: 58,
	trackDescriptor: 60,
} as const;
const track = { uuid: 1, name: 2, parent: 5, counter: 8 } as const;
const counter = { unitName: 6 } as const;
const event = { annotations: 4, type: 9, track: 11, name: 23, doubleValue: 44 } as const;
const annotation = { double: 5, text: 6, name: 10 } as const;
const types = { begin: 1, end: 2, instant: 3, counter: 4 } as const;

/** Ids of clocks. */
const REALTIME = 1;
const MONOTONIC = 3;
/** ClockSnapshot.primary_trace_clock: the clock of the time axis. */
const PRIMARY = 2;
/** ClockSnapshot.clocks */
const CLOCKS = 1;
/** This sequence's state is complete from here on. */
const CLEARED = 1;
const SEQUENCE = 1;

function annotations(args: Arguments): Uint8Array[] {
	return Object.entries(args).map(([name, value]) =>
		message(
			event.annotations,
			text(annotation.name, name),
			typeof value === 'number' ? double(annotation.double, value) : text(annotation.text, value),
		),
	);
}

function packetAt(at: number, ...fields: Uint8Array[]): Uint8Array {
	return message(
		PACKET,
		uint(packet.timestamp, Math.max(0, Math.round(at))),
		uint(packet.clock, MONOTONIC),
		uint(packet.sequence, SEQUENCE),
		message(packet.trackEvent, ...fields),
	);
}

/** Ids of tracks, and the packets that describe them. */
class Tracks {
	private readonly ids = new Map<string, number>();

	of({ group, name }: Track, unit: string | undefined): { id: number; fresh: Uint8Array[] } {
		const key = `${group}\0${name}`;
		const known = this.ids.get(key);
		if (known !== undefined) return { id: known, fresh: [] };
		const fresh: Uint8Array[] = [];
		let parent = this.ids.get(group);
		if (parent === undefined) {
			parent = this.ids.size + 1;
			this.ids.set(group, parent);
			fresh.push(this.describe(uint(track.uuid, parent), text(track.name, group)));
		}
		const id = this.ids.size + 1;
		this.ids.set(key, id);
		const kind = unit === undefined ? [] : [message(track.counter, text(counter.unitName, unit))];
		fresh.push(this.describe(uint(track.uuid, id), text(track.name, name), uint(track.parent, parent), ...kind));
		return { id, fresh };
	}

	private describe(...fields: Uint8Array[]): Uint8Array {
		return message(PACKET, uint(packet.sequence, SEQUENCE), message(packet.trackDescriptor, ...fields));
	}
}

function packetsOf(one: TraceEvent, tracks: Tracks): Uint8Array[] {
	const { id, fresh } = tracks.of(one.track, one.kind === 'counter' ? one.unit : undefined);
	const on = uint(event.track, id);
	const begin = (name: string, at: number, args: Arguments = {}) =>
		packetAt(at, uint(event.type, types.begin), on, text(event.name, name), ...annotations(args));
	const end = (at: number) => packetAt(at, uint(event.type, types.end), on);
	switch (one.kind) {
		case 'counter':
			return [...fresh, packetAt(one.at, uint(event.type, types.counter), on, double(event.doubleValue, one.value))];
		case 'instant': {
			const fields = [uint(event.type, types.instant), on, text(event.name, one.name), ...annotations(one.args)];
			return [...fresh, packetAt(one.at, ...fields)];
		}
		case 'slice':
			return [
				...fresh,
				begin(one.name, one.at, one.args),
				...(one.parts ?? []).flatMap((part) => [begin(part.name, part.at), end(part.at + part.ns)]),
				end(one.at + one.ns),
			];
	}
}

export async function* perfettoTrace(
	input: TraceInput & {
		/** The clocks at one moment: CLOCK_MONOTONIC in ns, wall clock in ms. */
		clocks?: { mono_ns: number; wall: number } | undefined;
	},
): AsyncGenerator<Uint8Array> {
	yield message(PACKET, uint(packet.sequence, SEQUENCE), uint(packet.sequenceFlags, CLEARED));
	const { clocks } = input;
	if (clocks) {
		const clock = (id: number, ns: number) => message(CLOCKS, uint(1, id), uint(2, BigInt(Math.round(ns))));
		const all = [clock(MONOTONIC, clocks.mono_ns), clock(REALTIME, clocks.wall * 1e6), uint(PRIMARY, MONOTONIC)];
		yield message(PACKET, message(packet.clockSnapshot, ...all), uint(packet.sequence, SEQUENCE));
	}
	const tracks = new Tracks();
	for await (const one of traceEvents(input)) for (const bytes of packetsOf(one, tracks)) yield bytes;
}
