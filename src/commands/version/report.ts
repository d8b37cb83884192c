/** The versions of the program and of what it runs with. */
import { sanitize } from '../../lib/sanitize.ts';

export interface Versions {
	wattlag: string;
	/** `release`: built by scripts/release.ts. `checkout`: built in place from sources that may have changed since. */
	build: 'release' | 'checkout';
	/** Of git; null in a checkout. */
	commit: string | null;
	/** Version of libbpf; null: the addon cannot be loaded. */
	libbpf: string | null;
	node: string;
	/** As Node names it. */
	arch: string;
	/** Release of the running kernel. */
	kernel: string;
}

export function versionsText({ wattlag, build, commit, libbpf, node, arch, kernel }: Versions): string {
	const origin = commit === null ? build : `${build}, commit ${commit}`;
	return sanitizedLines([
		`wattlag ${wattlag} (${origin})`,
		`libbpf ${libbpf ?? 'not loaded: wattlag doctor says why'}`,
		`Node ${node}, ${arch}`,
		`Linux ${kernel}`,
	]);
}

function sanitizedLines(lines: readonly string[]): string {
	return lines.map((line) => `${sanitize(line)}\n`).join('');
}

/** One line; `version` is incremented when a field changes its meaning or is removed. */
export function versionsJson(versions: Versions): string {
	return `${JSON.stringify({ version: 1, ...versions })}\n`;
}
