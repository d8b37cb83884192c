/** Owners of sockets that are older than the programs, or never connect: found among the open files of processes. */
import type { BpfSession } from '../../bpf/bpf-session.ts';
import type { Ns } from '../../lib/units.ts';

const PROGRAM = 'file_owners';
/** Between two walks through all open files, which take 0.2 µs each. A walk that finds nothing doubles the pause. */
const PAUSE_NS = { least: 5e9, most: 80e9 };

export class SocketOwners {
	private readonly bpf: BpfSession;
	private pause: Ns = PAUSE_NS.least;
	private walkedAt: Ns;

	/** Walks once. */
	constructor(bpf: BpfSession, now: Ns) {
		this.bpf = bpf;
		this.walkedAt = now;
		this.walk();
	}

	/** Events had sockets without an owner: look for it, at most every few seconds. */
	wanted(now: Ns): void {
		if (now - this.walkedAt < this.pause) return;
		this.walkedAt = now;
		this.pause = this.walk() ? PAUSE_NS.least : Math.min(this.pause * 2, PAUSE_NS.most);
	}

	/** Did any socket get an owner? The kernel keeps them with the sockets. */
	private walk(): boolean {
		return this.bpf.has(PROGRAM) && this.bpf.iterate(PROGRAM).byteLength > 0;
	}
}
