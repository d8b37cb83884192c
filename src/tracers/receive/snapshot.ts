/** Snapshots of the receive tab: the contract with screen and batch output (docs/batch.md). */

import type { StageStats } from '../../core/stages/figures.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';

export interface ReceiveRow {
	/** Receiving device, by its name in its network namespace; devices of the same name share a row. */
	device: SafeText;
	/** Transport protocol: tcp, udp, icmp, `ip N`; `other`: not IP; `all` by device. */
	protocol: SafeText;
	/** Packets copied to a process, and the bytes of all copies. */
	count: Count;
	bytes: Bytes;
	/** Packets handed to the protocols. */
	received: Count;
	/** Dropped by the kernel. */
	dropped: Count;
	/** Handled by the kernel (acknowledgements, ICMP, ARP), or forwarded. */
	consumed: Count;
	/** Merged into another packet. */
	merged: Count;
	/** Stage name → figures of the packets copied in the interval, in path order; `total` is last. */
	stages: Record<string, StageStats>;
	count_total: Count;
	bytes_total: Bytes;
	received_total: Count;
	dropped_total: Count;
	/** Stage name → Σ ns since start. */
	stages_total: Record<string, { count: Count; sum_ns: Ns }>;
}

export interface ReceiveExtra {
	/** Stages without a hook in this kernel, for all packets (then no row has the stage) or for some. */
	missing: { stage: string; all: boolean; reason: SafeText }[];
}
