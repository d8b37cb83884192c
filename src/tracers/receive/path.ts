/** The table of the stages of a received packet, in the order of `enum receive_stage` in bpf/receive/packets.bpf.h. */
import type { Path } from '../../core/stages/stages.ts';

export const RECEIVE_PATH = {
	object: 'packet',
	stages: [
		{
			name: 'driver',
			title: 'DRV',
			from: 'handed over by the driver',
			to: 'handed to the protocols',
			help: 'Held by GRO, or waiting in the backlog of a CPU (loopback, devices without NAPI, RPS).',
		},
		{
			name: 'stack',
			title: 'NET',
			from: 'handed to the protocols',
			to: 'at the socket',
			help: 'Bridge, firewall, IP and transport protocol; for TCP also the wait while a process has the socket locked.',
		},
		{
			name: 'socket',
			title: 'SOCK',
			from: 'at the socket',
			to: 'copied to the process',
			help: 'Waiting for a read: the process sleeps, waits for a CPU or is busy.',
		},
	],
} as const satisfies Path;

export type ReceiveStage = (typeof RECEIVE_PATH)['stages'][number]['name'];
