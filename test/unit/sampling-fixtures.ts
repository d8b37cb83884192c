/** Fake tracers and a fake kernel, for the sampling loop. */
import type { BpfAddon } from '../../src/core/native.ts';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import { type Host, NO_COST, type Session, type Tracer } from '../../src/core/tracer.ts';

/** A kernel that only counts how often statistics were switched on. */
export function fakeHost(): Host & { statistics: string[] } {
	const statistics: string[] = [];
	const addon = {
		enableStats: () => {
			statistics.push('on');
			return { close: () => void statistics.push('off') };
		},
	} as unknown as BpfAddon;
	return { statistics, addon, objectPath: String, procRoot: '/proc', sysRoot: '/sys', cpus: 1 };
}

export const emptyReading = {
	rows: [],
	extra: {},
	lost: {},
	source: { kind: 'fake', description: '', uncertainty: '', hooks: [] },
};

export function fakeTracer(id: string, session: Partial<Session<object, object>> | Error): Tracer<object, object> {
	return {
		id,
		title: id,
		summary: '',
		columns: [],
		defaultSort: '',
		groups: ['process', 'thread'],
		options: [],
		rowKey: String,
		start: () => {
			if (session instanceof Error) throw session;
			return {
				read: () => emptyReading,
				cost: () => NO_COST,
				close: () => {},
				...session,
			};
		},
	};
}

export const snapshots = (events: SamplerEvent[], tab: string) =>
	events.flatMap((event) => (event.kind === 'snapshot' && event.snapshot.tab === tab ? [event.snapshot] : []));
