/** What snapshots of the receive tab hold: the contract with screen and batch output (docs/batch.md). */

import type { StageStats } from '../../core/stages/figures.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';

export interface ReceiveRow {
	/** By which the packets came in, as its network namespace names it; those of the same name are one row. */
	device: SafeText;
	/** Transport protocol: tcp, udp, icmp, `ip N`; `other`: not IP; `all` by device. */
	protocol: SafeText;
	/** Packets that were copied to a process, and the bytes of all copies. */
	count: Count;
	bytes: Bytes;
	/** Packets handed to the protocols. */
	received: Count;
	/** Thrown away by the kernel. */
	dropped: Count;
	/** For the kernel itself (acknowledgements, ICMP, ARP), or sent on. */
	consumed: Count;
	/** Became part of another packet. */
	merged: Count;
	/** Stage name → figures of the packets copied in the interval, in the order of the way; `total` is last. */
	stages: Record<string, StageStats>;
	count_total: Count;
	bytes_total: Bytes;
	received_total: Count;
	dropped_total: Count;
	/** Stage name → Σ ns since start. */
	stages_total: Record<string, { count: Count; sum_ns: Ns }>;
}

export interface ReceiveExtra {
	/** Stages that this kernel has no hook for: of all packets (then it is in no row), or of some. */
	missing: { stage: string; all: boolean; reason: SafeText }[];
}
