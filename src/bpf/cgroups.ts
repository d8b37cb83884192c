/** Names of control groups, once for all tracers of a host. */
import type { Host } from '../core/tracer.ts';
import { Cgroups } from '../system/cgroups.ts';

const shared = new WeakMap<Host, Cgroups>();

export function cgroupsOf(host: Host): Cgroups {
	let cgroups = shared.get(host);
	if (!cgroups) {
		cgroups = new Cgroups(host.procRoot, (mount, id) => host.addon.cgroupPath(mount, id));
		shared.set(host, cgroups);
	}
	return cgroups;
}
