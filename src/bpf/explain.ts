/** Errors of the BPF addon in words that name the cause and the fix. */
import { debug } from '../core/debug-log.ts';
import { BECOME_ROOT, Unavailable } from '../core/errors.ts';
import type { BpfError } from '../core/native.ts';
import type { Host } from '../core/tracer.ts';
import { safe, sanitize } from '../lib/sanitize.ts';
import { whyHidden } from '../system/kernel-text.ts';
import {
	hasSeccompFilter,
	inUserNamespace,
	lacksSysAdmin,
	lockdown,
	missingCapabilities,
	securityModules,
} from '../system/privilege.ts';

/** The line of a verifier log that states the error: the last one without statistics. */
function verdict(log: string): string {
	const lines = log.split('\n').map((line) => line.trim());
	return (
		lines.findLast(
			(line) =>
				line !== '' &&
				!/^(processed \d+ insns|-- (BEGIN|END)|libbpf: (failed to load|-- |prog '.*': (failed|-- )))/.test(line),
		) ?? ''
	);
}

const SECCOMP = {
	cause: 'a seccomp filter refuses bpf(2)',
	fix: 'start the container with --privileged or --security-opt seccomp=unconfined (Kubernetes: seccompProfile Unconfined; systemd: bpf in SystemCallFilter)',
};

function lockedDown(mode: string) {
	return {
		cause: `the kernel is locked down (${mode})`,
		fix: 'start the kernel with lockdown=integrity or lockdown=none',
	};
}

/**
 * A kernel that is locked down to confidentiality has no helpers that read its memory: its verifier refuses them before
 * anything asks for the lockdown, and names the helper only.
 */
function lacksHelper(log: string, { sysRoot }: Host): { cause: string; fix: string } | undefined {
	const mode = /(cannot use helper|unknown func|function) bpf_probe_read/.test(log) ? lockdown(sysRoot) : undefined;
	return mode === undefined ? undefined : lockedDown(mode);
}

/** libbpf reads `/proc/kallsyms` for symbols that BTF lacks; undefined: the refusal has another cause. */
function lacksSymbols(text: string, { procRoot }: Host): { cause: string; fix: string } | undefined {
	if (!text.includes('/proc/kallsyms')) return undefined;
	return {
		cause: whyHidden(procRoot, 'kallsyms') ?? 'the names of the kernel (/proc/kallsyms) cannot be read',
		fix: 'mount the whole proc: mount -t proc proc /proc (systemd: ProcSubset=all)',
	};
}

/** Cause and fix of a refusal (EPERM, EACCES); undefined: none of the known ones. */
function refusal({ procRoot, sysRoot }: Host): { cause: string; fix: string } | undefined {
	const missing = missingCapabilities(procRoot);
	if (missing.length > 0)
		return { cause: `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`, fix: BECOME_ROOT };
	if (inUserNamespace(procRoot))
		return {
			cause: 'the kernel refuses BPF in a user namespace (rootless container)',
			fix: 'run as root of the machine, outside the container',
		};
	const mode = lockdown(sysRoot);
	if (mode) return lockedDown(mode);
	// a process with the rights is refused by a filter, in most cases that of a container
	if (hasSeccompFilter(procRoot)) return SECCOMP;
	if (lacksSysAdmin(procRoot)) return { cause: 'the kernel refuses it without CAP_SYS_ADMIN', fix: BECOME_ROOT };
	const modules = sanitize(securityModules(sysRoot).join(', '));
	return modules === ''
		? undefined
		: {
				cause: safe`a security module refuses it (${modules})`,
				fix: 'allow bpf for wattlag in its policy; dmesg and the audit log name the rule',
			};
}

/** No bpf(2) at all; undefined: the kernel has it. */
function noBpf(code: string | undefined, { procRoot }: Host): { cause: string; fix: string } | undefined {
	if (code !== 'ENOSYS') return undefined;
	if (hasSeccompFilter(procRoot)) return SECCOMP;
	return { cause: 'this kernel has no bpf(2)', fix: 'use a kernel built with CONFIG_BPF_SYSCALL=y' };
}

/** Cause and fix of an error of bpf(2) by its code; undefined: none of the known ones. */
export function bpfRefusal(host: Host, code: string | undefined): { cause: string; fix: string } | undefined {
	return code === 'EPERM' || code === 'EACCES' ? refusal(host) : noBpf(code, host);
}

/**
 * @param id of the tracer
 * @param doing the failed step, after `cannot`: `attach tp_btf/sched_switch`
 */
export function explain(host: Host, id: string, doing: string, error: unknown): Unavailable {
	if (error instanceof Unavailable) return error;
	const { code, message, log = '' } = error as Partial<BpfError>;
	debug(() => `${id}: cannot ${doing}: ${code ?? ''} ${message ?? String(error)}\n${log}`);
	const known = bpfRefusal(host, code) ?? lacksHelper(log, host) ?? lacksSymbols(log + message, host);
	if (known) return new Unavailable(`cannot ${doing}: ${known.cause}`, known.fix, error);
	if (code === 'EMFILE' || code === 'ENFILE') {
		return new Unavailable(
			`cannot ${doing}: too many files are open (${code})`,
			code === 'EMFILE' ? 'allow more: ulimit -Hn 4096' : 'allow more: sysctl fs.file-max',
			error,
		);
	}
	const words = [message, verdict(log)].filter(Boolean).join(': ');
	const report = `please report this with the output of uname -r (tracer ${id})`;
	// a filter may answer anything; what the verifier refuses has a log
	const filtered = code !== undefined && log === '' && hasSeccompFilter(host.procRoot);
	return new Unavailable(
		`cannot ${doing}: ${words || String(error)}${filtered ? '; a seccomp filter may be the cause' : ''}`,
		filtered ? `${SECCOMP.fix}; if that changes nothing, ${report}` : report,
		error,
	);
}
