/** Moves of threads between packages, from what each CPU keeps of them (`moves` of bpf/energy/energy.bpf.c). */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { maps, thread_record } from '../../../generated/energy.ts';
import { viewOf } from '../../../lib/decode.ts';
import type { Count } from '../../../lib/units.ts';
import type { ThreadSample } from './thread-use.ts';

/** log2 of the moves that each CPU keeps, 112 bytes each: 3.5 MiB for 256 CPUs, which then keep 128. */
export function movesBits(possibleCpus: number): number {
	return Math.max(6, Math.min(12, 15 - Math.ceil(Math.log2(possibleCpus))));
}

export class Moves {
	/** Overwritten before they were read. */
	lost: Count = 0;
	private readonly bpf: Pick<BpfSession, 'shards'> & { object: Pick<BpfSession['object'], 'readMapped'> };
	private readonly sampleAt: (view: DataView, at: number) => ThreadSample;
	private readonly room: number;
	/** Records read so far, by CPU. */
	private readonly read: Count[];

	constructor(bpf: Moves['bpf'] & { possibleCpus: number }, sampleAt: Moves['sampleAt']) {
		this.bpf = bpf;
		this.sampleAt = sampleAt;
		this.room = 2 ** movesBits(bpf.possibleCpus);
		this.read = this.written();
	}

	/** Those since the last call, of each thread in their order. */
	take(): ThreadSample[] {
		const found: ThreadSample[] = [];
		for (const [cpu, written] of this.written().entries()) {
			const before = this.read[cpu] as number;
			if (written === before) continue;
			const from = Math.max(before, written - this.room);
			const samples: ThreadSample[] = [];
			for (let number = from; number < written; number++) samples.push(this.sample(cpu, number));
			// meanwhile newer ones may have taken the room of the oldest, the newest perhaps not whole yet
			const now = this.written()[cpu] as number;
			const overwritten = now === written ? 0 : Math.max(0, now + 1 - this.room - from);
			found.push(...samples.slice(overwritten));
			this.lost += from - before + Math.min(overwritten, samples.length);
			this.read[cpu] = written;
		}
		// the CPUs that move a thread change, its counter only grows
		return found.sort((a, b) => a.cpu_ns - b.cpu_ns);
	}

	private sample(cpu: number, number: number): ThreadSample {
		const record = new Uint8Array(thread_record.size);
		const at = (cpu * this.room + (number % this.room)) * record.length;
		this.bpf.object.readMapped(maps.moves.name, record, at);
		return this.sampleAt(viewOf(record), 0);
	}

	private written(): Count[] {
		return this.bpf.shards(maps.moves_cpus).map(({ written }) => written);
	}
}
