/** Rights of this process: capabilities, lockdown of the kernel. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CAPABILITIES = { CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const;
export type Capability = keyof typeof CAPABILITIES;

function statusField(procRoot: string, name: string): string | undefined {
	try {
		return new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(readFileSync(join(procRoot, 'self/status'), 'utf8'))?.[1];
	} catch {
		return undefined;
	}
}

/** Capabilities of this process; undefined: proc does not list them. */
function effective(procRoot: string): ReadonlySet<Capability> | undefined {
	const mask = statusField(procRoot, 'CapEff');
	if (mask === undefined) return undefined;
	const names = Object.keys(CAPABILITIES) as Capability[];
	return new Set(names.filter((name) => (BigInt(`0x${mask}`) >> CAPABILITIES[name]) & 1n));
}

/** Those of CAP_BPF and CAP_PERFMON that this process lacks. CAP_SYS_ADMIN includes both, as in the kernel. */
export function missingCapabilities(procRoot: string): Capability[] {
	const has = effective(procRoot);
	if (!has || has.has('CAP_SYS_ADMIN')) return [];
	return (['CAP_BPF', 'CAP_PERFMON'] as const).filter((name) => !has.has(name));
}

/** Ids of types of kernel modules and statistics of BPF programs need CAP_SYS_ADMIN. */
export function lacksSysAdmin(procRoot: string): boolean {
	return effective(procRoot)?.has('CAP_SYS_ADMIN') === false;
}

/** Root of a user namespace, as in a rootless container, has all capabilities, but none of them is valid for BPF. */
export function inUserNamespace(procRoot: string): boolean {
	try {
		return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync(join(procRoot, 'self/uid_map'), 'utf8'));
	} catch {
		// a kernel without user namespaces
		return false;
	}
}

/** Do filters of seccomp decide about this process's system calls, as in most containers? */
export function hasSeccompFilter(procRoot: string): boolean {
	return statusField(procRoot, 'Seccomp') === '2';
}

/** The security modules of the kernel that may refuse BPF by a policy; empty: none, or not known. */
export function securityModules(sysRoot: string): string[] {
	try {
		const names = readFileSync(join(sysRoot, 'kernel/security/lsm'), 'utf8').trim().split(',');
		return names.filter((name) => ['selinux', 'apparmor', 'smack', 'tomoyo', 'bpf'].includes(name));
	} catch {
		return [];
	}
}

/** `integrity` or `confidentiality`; undefined: not locked down. */
export function lockdown(sysRoot: string): string | undefined {
	try {
		const mode = /\[(\w+)\]/.exec(readFileSync(join(sysRoot, 'kernel/security/lockdown'), 'utf8'))?.[1];
		return mode === 'none' ? undefined : mode;
	} catch {
		return undefined;
	}
}
