/** Names of control groups, once for all tracers of a host. */
import type { Host } from '../core/tracer.ts';
import { Cgroups, v1Only } from '../system/cgroups.ts';

/** What a tracer cannot name of control groups here, for its `missing`: a sentence, or none. */
export function unnamedGroups({ procRoot }: Pick<Host, 'procRoot'>): string[] {
	const group = v1Only(procRoot);
	return group === undefined
		? []
		: [
				`groups of cgroup v1 only (${group}) have no name here: BPF knows the unified hierarchy, where these processes are in /`,
			];
}

const shared = new WeakMap<Host, Cgroups>();

export function cgroupsOf(host: Host): Cgroups {
	let cgroups = shared.get(host);
	if (!cgroups) {
		cgroups = new Cgroups(host.procRoot, (mount, id) => host.addon.cgroupPath(mount, id));
		shared.set(host, cgroups);
	}
	return cgroups;
}
