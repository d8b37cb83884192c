/** `wattlag doctor` on the running kernel, with and without privilege. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

interface Report {
	exit_code: number;
	verdict: string;
	sections: { title: string; checks: { name: string; state: string; found: string[]; fix: string }[] }[];
	tabs: {
		tab: string;
		works: boolean;
		reason: string;
		fix: string;
		load_ns: number;
		source: { hooks: string[] } | null;
	}[];
}

async function doctor(command: string, ...args: string[]): Promise<{ code: number; report: Report; stderr: string }> {
	const { code, stdout, stderr } = await run(command, args).then(
		(done) => ({ code: 0, ...done }),
		(error: { code: number; stdout: string; stderr: string }) => error,
	);
	return { code, report: JSON.parse(stdout) as Report, stderr };
}

function named({ sections }: Report, name: string) {
	return sections.flatMap(({ checks }) => checks).find((check) => check.name === name);
}

test('as root every tab is loaded, attached and read; the kernel is this one', async () => {
	const { code, report, stderr } = await doctor('bin/wattlag', 'doctor', '--json');
	expect(stderr).toBe('');
	expect(report.tabs.filter(({ works }) => !works)).toEqual([]);
	expect(code).toBe(0);
	expect(report).toMatchObject({ exit_code: 0, verdict: '8 of 8 tabs work.' });
	const uname = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim();
	expect(named(report, 'kernel')?.found[0]).toContain(` ${uname} `);
	expect(named(report, 'capabilities')).toMatchObject({ state: 'ok' });
	for (const { tab, load_ns, source } of report.tabs.filter((one) => one.tab !== 'overview')) {
		expect([tab, load_ns > 0, source?.hooks.some((hook) => /^(tp_btf|iter|syscall)\/|^perf/.test(hook))]).toEqual([
			tab,
			true,
			true,
		]);
	}
});

test('without capabilities it says what is missing and how to get it; energy is left, from /proc', async () => {
	const { code, report, stderr } = await doctor('setpriv', '--bounding-set=-all', 'bin/wattlag', 'doctor', '--json');
	expect(stderr).toBe('');
	expect(code).toBe(1);
	expect(named(report, 'capabilities')).toMatchObject({
		state: 'no',
		found: ['CAP_BPF and CAP_PERFMON missing: BPF is refused'],
		fix: expect.stringMatching(/root.*AmbientCapabilities/),
	});
	expect(report.tabs.filter(({ works }) => works).map(({ tab }) => tab)).toEqual(['overview', 'energy']);
	for (const { reason, fix } of report.tabs.filter(({ works }) => !works)) {
		expect(reason).toContain('CAP_BPF and CAP_PERFMON are missing');
		expect(fix).toContain('run as root');
	}
	expect(named(report, 'source proc')?.found.join()).toContain('CPU time from /proc');
});

test('tabs that are left out are neither loaded nor counted', async () => {
	const { stdout } = await run('bin/wattlag', [
		'doctor',
		'--without',
		'energy,runqlat,irq,receive,overview,events,profile',
	]);
	expect(stdout).toMatch(/^Machine\n/);
	// less: on a machine with groups of cgroup v1 only
	expect(stdout).toMatch(/Disk IO \(io\) +(ok|less) +tracepoint/);
	expect(stdout).toMatch(/Energy \(energy\) +– +left out by --without/);
	expect(stdout).toMatch(/\n1 of 1 tabs work\.\n$/);
});
