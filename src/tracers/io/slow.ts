/** Slow requests, from the kernel's records. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import type { GroupNames } from '../../bpf/cgroups.ts';
import { waterfall } from '../../core/stages/figures.ts';
import { io_owner, maps, slow_request } from '../../generated/io.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { BlockDevices } from '../../system/block-devices.ts';
import type { FilePaths } from './file-paths.ts';
import type { SlowCall } from './full-path.ts';
import { IO_PATH } from './path.ts';
import { flagNames, opName } from './rows.ts';
import type { OffCpu, Owner, SlowRequest } from './snapshot.ts';

const OWNERS = new Map<number, Owner>(
	Object.entries(io_owner)
		.filter(([name]) => name.startsWith('OWNER_'))
		.map(([name, value]) => [value, name.replace('OWNER_', '').toLowerCase() as Owner]),
);

const BLOCK_STAGES = IO_PATH.stages.filter(({ depth }) => depth === 'block');

/** Stages in path order, as stages_add() of bpf/lib/stages.bpf.h: a stage lasts until the next stamp that was set. */
export function stagesOf(stamps: ArrayLike<Ns>, end: Ns): Record<string, Ns> {
	const seen = BLOCK_STAGES.flatMap(({ name }, index) => {
		const at = stamps[index] ?? 0;
		return at > 0 ? [{ name, at }] : [];
	});
	const stages = seen.map(({ name, at }, index): [string, Ns] => [name, (seen[index + 1]?.at ?? end) - at]);
	return Object.fromEntries([...stages, ['total', end - (seen[0]?.at ?? end)]]);
}

type Timed = Pick<SlowRequest, 'tid' | 'mono_ns' | 'stages'>;

const begunAt = ({ mono_ns, stages }: Timed): Ns => mono_ns - (stages['total'] ?? 0);

/** The system call of the request's thread that contains the whole request. */
export function callAround(request: Timed, calls: readonly SlowCall[]): SlowCall | undefined {
	const begun = begunAt(request);
	return calls.find(
		({ tid, entry_ns, return_ns }) => tid === request.tid && entry_ns <= begun && return_ns >= request.mono_ns,
	);
}

export function offCpu({ entry_ns, return_ns, blocked_ns, runqueue_ns, preempted_ns }: SlowCall): OffCpu {
	const call_ns = return_ns - entry_ns;
	const running_ns = Math.max(0, call_ns - blocked_ns - runqueue_ns - preempted_ns);
	return { call_ns, running_ns, blocked_ns, runqueue_ns, preempted_ns, irq_ns: null };
}

/** Stages of a request with those of its call, if the call waited for this request only. */
export function fullStages(request: Timed, { entry_ns, woken_ns, return_ns }: SlowCall): Record<string, Ns> {
	if (woken_ns < request.mono_ns) return request.stages;
	const { total = 0, ...stages } = request.stages;
	const fs = begunAt(request) - entry_ns;
	return { fs, ...stages, wake: woken_ns - request.mono_ns, return: return_ns - woken_ns, total };
}

export class SlowRequests {
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly cgroups: GroupNames;
	private readonly files: FilePaths;

	constructor(bpf: BpfSession, devices: BlockDevices, cgroups: GroupNames, files: FilePaths) {
		this.bpf = bpf;
		this.devices = devices;
		this.cgroups = cgroups;
		this.files = files;
	}

	/**
	 * Slow requests since the last call of this method.
	 * @param calls returns slow system calls; called after all requests are read, since a request ends before its call
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
				cgroup:
					owner.cgroup === 0
						? sanitize('')
						: this.cgroups.pathOf(owner.cgroup, { pid: owner.tgid, start: owner.start }),
				owner: OWNERS.get(how) ?? 'none',
				file: this.files.path(path),
				mono_ns,
				stages,
				waterfall: waterfall(stages),
				off_cpu: null,
			});
		});
		const slowCalls = calls();
		for (const request of slow) {
			const call = callAround(request, slowCalls);
			if (!call) continue;
			request.off_cpu = offCpu(call);
			request.stages = fullStages(request, call);
			request.waterfall = waterfall(request.stages);
		}
		return slow;
	}
}
