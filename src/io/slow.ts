/** Slow requests: the kernel's records, in the user's terms. */
import type { BlockDevices } from '../block-devices.ts';
import type { Cgroups } from '../cgroups.ts';
import { io_owner, maps, slow_request } from '../generated/io.ts';
import { sanitize } from '../sanitize.ts';
import { waterfall } from '../stages/figures.ts';
import type { BpfSession } from '../tracers/bpf-session.ts';
import type { Ns } from '../units.ts';
import type { FilePaths } from './file-paths.ts';
import type { SlowCall } from './full-path.ts';
import { flagNames, opName } from './names.ts';
import { IO_PATH } from './path.ts';
import type { OffCpu, Owner, SlowRequest } from './snapshot.ts';

const OWNERS = new Map<number, Owner>(
	Object.entries(io_owner)
		.filter(([name]) => name.startsWith('OWNER_'))
		.map(([name, value]) => [value, name.replace('OWNER_', '').toLowerCase() as Owner]),
);

const BLOCK_STAGES = IO_PATH.stages.filter(({ depth }) => depth === 'block');

/** As stages_add() of bpf/include/stages.bpf.h: a stage lasts until the next stamp there is. In the order of the way. */
export function stagesOf(stamps: ArrayLike<Ns>, end: Ns): Record<string, Ns> {
	const seen = BLOCK_STAGES.flatMap(({ name }, index) => {
		const at = stamps[index] ?? 0;
		return at > 0 ? [{ name, at }] : [];
	});
	const stages = seen.map(({ name, at }, index): [string, Ns] => [name, (seen[index + 1]?.at ?? end) - at]);
	return Object.fromEntries([...stages, ['total', end - (seen[0]?.at ?? end)]]);
}

/** Of the call that lasted from before the request's beginning until after its end; null: there was none. */
export function offCpu(
	{ tid, mono_ns, stages }: Pick<SlowRequest, 'tid' | 'mono_ns' | 'stages'>,
	calls: readonly SlowCall[],
): OffCpu | null {
	const begun = mono_ns - (stages['total'] ?? 0);
	const call = calls.find((one) => one.tid === tid && one.entry_ns <= begun && one.return_ns >= mono_ns);
	if (!call) return null;
	const { blocked_ns, runqueue_ns, preempted_ns } = call;
	const call_ns = call.return_ns - call.entry_ns;
	const running_ns = Math.max(0, call_ns - blocked_ns - runqueue_ns - preempted_ns);
	return { call_ns, running_ns, blocked_ns, runqueue_ns, preempted_ns, irq_ns: null };
}

export class SlowRequests {
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly cgroups: Cgroups;
	private readonly files: FilePaths;

	constructor(bpf: BpfSession, devices: BlockDevices, cgroups: Cgroups, files: FilePaths) {
		this.bpf = bpf;
		this.devices = devices;
		this.cgroups = cgroups;
		this.files = files;
	}

	/**
	 * Those since the last call.
	 * @param calls gives system calls that took as long; asked when all requests are known, which end before their call
	 */
	read(calls: () => readonly SlowCall[]): SlowRequest[] {
		const slow: SlowRequest[] = [];
		this.bpf.drain(maps.slow_requests.name, (view, at) => {
			const { mono_ns, stamps, sector, owner, dev, part, bytes, flags, op, how, path } = slow_request.read(view, at);
			const stages = stagesOf(stamps, mono_ns);
			slow.push({
				device: this.devices.name(dev),
				partition: this.devices.name(part),
				op: opName(op),
				flags: flagNames(flags),
				sector,
				bytes,
				pid: owner.tgid,
				tid: owner.tid,
				comm: sanitize(owner.comm),
				cgroup: owner.cgroup === 0 ? sanitize('') : this.cgroups.path(owner.cgroup),
				owner: OWNERS.get(how) ?? 'none',
				file: this.files.path(path),
				mono_ns,
				stages,
				waterfall: waterfall(stages),
				off_cpu: null,
			});
		});
		const took = calls();
		for (const request of slow) request.off_cpu = offCpu(request, took);
		return slow;
	}
}
