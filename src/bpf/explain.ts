/** Errors of the BPF addon in words that name the cause and the fix. */
import { debug } from '../core/debug-log.ts';
import { BECOME_ROOT, Unavailable } from '../core/errors.ts';
import type { BpfError } from '../core/native.ts';
import type { Host } from '../core/tracer.ts';
import { inUserNamespace, lacksSysAdmin, lockdown, missingCapabilities } from '../system/privilege.ts';

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
	if (mode)
		return {
			cause: `the kernel is locked down (${mode})`,
			fix: 'start the kernel with lockdown=integrity or lockdown=none',
		};
	if (lacksSysAdmin(procRoot)) return { cause: 'the kernel refuses it without CAP_SYS_ADMIN', fix: BECOME_ROOT };
	return undefined;
}

/**
 * @param id of the tracer
 * @param doing the failed step, after `cannot`: `attach tp_btf/sched_switch`
 */
export function explain(host: Host, id: string, doing: string, error: unknown): Unavailable {
	if (error instanceof Unavailable) return error;
	const { code, message, log = '' } = error as Partial<BpfError>;
	debug(() => `${id}: cannot ${doing}: ${code ?? ''} ${message ?? String(error)}\n${log}`);
	const known = code === 'EPERM' || code === 'EACCES' ? refusal(host) : undefined;
	if (known) return new Unavailable(`cannot ${doing}: ${known.cause}`, known.fix, error);
	if (code === 'EMFILE' || code === 'ENFILE') {
		return new Unavailable(
			`cannot ${doing}: too many files are open (${code})`,
			code === 'EMFILE' ? 'allow more: ulimit -Hn 4096' : 'allow more: sysctl fs.file-max',
			error,
		);
	}
	const words = [message, verdict(log)].filter(Boolean).join(': ');
	return new Unavailable(
		`cannot ${doing}: ${words || String(error)}`,
		`please report this with the output of uname -r (tracer ${id})`,
		error,
	);
}
