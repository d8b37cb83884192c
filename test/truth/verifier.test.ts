/** Instructions that the kernel's verifier processes: a program near its limit loads for seconds here and not at all elsewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadTracers, registry } from '../../src/registry.ts';
import { realHost } from './host.ts';

/** Kernels give up after a million. */
const MOST = 200_000;

/** Of the programs that this process holds, by the kernel's own count. */
function verifiedInstructions(): number[] {
	return readdirSync('/proc/self/fd').flatMap((fd) => {
		try {
			const verified = /^verified_insns:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
			return verified === undefined ? [] : [Number(verified)];
		} catch {
			return [];
		}
	});
}

const all = await loadTracers(registry.map(({ tracer }) => tracer.id));
const tracers = all.filter(({ from }) => !from);

test.each(tracers.map((tracer) => [tracer.id, tracer] as const))('%s', (_, tracer) => {
	const session = tracer.start(realHost(), {});
	try {
		const verified = verifiedInstructions();
		expect(verified.length).toBeGreaterThan(0);
		expect(Math.max(...verified)).toBeLessThan(MOST);
	} finally {
		session.close();
	}
});
