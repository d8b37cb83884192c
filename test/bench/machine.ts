/** The machine of a measurement, without names of machine or owner. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';

export interface Machine {
	/** ISO date and time. */
	measured: string;
	processor: string;
	cpus: number;
	memory_gib: number;
	virtual: boolean;
	kernel: string;
	/** IO scheduler of every disk that has one. */
	disks: string[];
	versions: Record<string, string>;
	/** Commit of the checkout; `+` when it was changed since. */
	commit: string;
}

function say(command: string, ...args: string[]): string {
	try {
		return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
	} catch {
		return '';
	}
}

function disks(): string[] {
	const names = say('lsblk', '-dnbo', 'NAME,SIZE,SCHED').split('\n');
	return names.flatMap((line) => {
		const [name, size, scheduler] = line.trim().split(/\s+/);
		return name && Number(size) > 0 ? [`${name} (${scheduler ?? 'no scheduler'})`] : [];
	});
}

/** Debian's version of a package; the program's own word where it is not Debian's. */
function packageVersion(name: string): string {
	return say('dpkg-query', '-W', name).split('\t')[1] ?? 'not from a Debian package';
}

/** @param packages whose versions matter */
export function machine(packages: readonly string[]): Machine {
	const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
	const dirty = say('git', 'status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
	return {
		measured: new Date().toISOString().slice(0, 16),
		processor: `${cpus()[0]?.model.trim() ?? 'unknown'} (${arch()})`,
		cpus: cpus().length,
		memory_gib: Math.round(totalmem() / 2 ** 30),
		virtual: /^flags.*\bhypervisor\b/m.test(cpuinfo),
		kernel: release().replace(/-.*/, ''),
		disks: disks(),
		versions: {
			wattlag: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
			node: process.version,
			...Object.fromEntries(packages.map((name) => [name, packageVersion(name)])),
		},
		commit: `${say('git', 'rev-parse', '--short', 'HEAD')}${dirty}`,
	};
}

export function machineText(machine: Machine): string {
	const { measured, processor, cpus: count, memory_gib, virtual, kernel, disks: all, versions, commit } = machine;
	return [
		`Measured ${measured} UTC at commit ${commit} on a ${virtual ? 'virtual ' : ''}machine: ${count} × ${processor}, ${memory_gib} GiB,`,
		`Linux ${kernel}, disks ${all.join(', ') || 'none'}.`,
		`${Object.entries(versions)
			.map(([name, version]) => `${name} ${version}`)
			.join(', ')}.`,
	].join('\n');
}
