/** Every package, installed, run and removed in a throw-away root folder. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
	existsSync,
	globSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { archs, hostArch } from '../../scripts/release/targets.ts';
import { TerminalRun } from '../pty/terminal.ts';
import { artifact, folder, version } from './artifacts.ts';
import { Root } from './roots.ts';

const DISTRIBUTIONS = ['bullseye', 'bookworm', 'trixie'] as const;
const host = hostArch();
const UNITS = ['wattlag-record.service', 'wattlag-serve.service', 'wattlag.service'];
const roots: Root[] = [];
const waiting = { timeout: 90_000, interval: 500 };

function newRoot(folder?: string): Root {
	const root = new Root(folder);
	roots.push(root);
	return root;
}

afterAll(() => {
	for (const root of roots) root.remove();
});

function expectEnergy(root: Root, program: string): void {
	const { status, stdout, stderr } = root.run([program, '--batch', '--tab', 'energy', '--json', '-n', '1']);
	expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
	expect(JSON.parse(stdout).rows.length).toBeGreaterThan(0);
}

/** All paths below a folder but for those of mounts and of the root's own tools. */
function paths(root: Root): string[] {
	return globSync('**/*', { cwd: root.path, exclude: ['proc/**', 'sys/**', 'dev/**'] }).sort();
}

const unitsOf = (root: Root): string[] =>
	globSync('wattlag*', { cwd: join(root.path, 'usr/lib/systemd/system') }).sort();

describe('the archive', () => {
	test('runs from where it is unpacked', () => {
		const root = newRoot();
		mkdirSync(join(root.path, 'opt'));
		execFileSync('tar', ['-xJf', artifact.archive(), '-C', join(root.path, 'opt')]);
		expectEnergy(root, `/opt/wattlag-${version}-linux-${host}/bin/wattlag`);
	});

	test('root does not run it where others can change it', () => {
		const root = newRoot();
		execFileSync('tar', ['-xJf', artifact.archive(), '-C', root.path, '--strip-components=1']);
		execFileSync('chmod', ['o+w', join(root.path, 'lib/wattlag/dist/worker.mjs')]);
		const { status, stderr } = root.run(['/bin/wattlag', '--version']);
		expect(status).toBe(1);
		expect(stderr).toMatch(
			/^wattlag: refused:\n\/lib\/wattlag\/dist\/worker\.mjs belongs to .*: others could change it\n/,
		);
	});

	test('reports what is missing', () => {
		const root = newRoot();
		execFileSync('tar', ['-xJf', artifact.archive(), '-C', root.path, '--strip-components=1']);
		rmSync(join(root.path, 'lib/wattlag'), { recursive: true });
		const { status, stderr } = root.run(['/bin/wattlag', '--version']);
		expect(status).toBe(1);
		expect(stderr).toBe(
			'wattlag: its files are missing:\n/bin/../lib/wattlag: No such file or directory\ninstall it again\n',
		);
	});
});

/** The same package with another version, as the one before or after this would be. */
function packageOfVersion(other: string, to: string): void {
	const files = mkdtempSync('/var/tmp/wattlag-deb-');
	try {
		execFileSync('dpkg-deb', ['--raw-extract', artifact.deb(), files]);
		const control = join(files, 'DEBIAN/control');
		writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${other}`));
		execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', files, to], { stdio: 'ignore' });
	} finally {
		rmSync(files, { recursive: true });
	}
}

/** A Debian with these packages besides those that nothing works without, into a folder. */
function minimalSystem(suite: string, path: string, packages: readonly string[] = []): void {
	const mirror = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
		encoding: 'utf8',
	})
		.split('\n')
		.find((uri) => /\/debian\/?$/.test(uri)) as string;
	for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
	const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
	execFileSync('mmdebstrap', ['--variant=minbase', '--mode=root', '--quiet', ...include, suite, path, mirror], {
		stdio: 'ignore',
	});
}

describe.each(DISTRIBUTIONS)('the .deb in %s', (suite) => {
	const path = mkdtempSync(`/var/tmp/wattlag-${suite}-`);
	const root = newRoot(path);

	test('installs in a minimal system, runs, and leaves nothing when removed', () => {
		minimalSystem(suite, path);
		root.add(artifact.deb(), 'tmp/wattlag.deb');
		const before = paths(root);
		const install = root.run(['dpkg', '-i', '/tmp/wattlag.deb']);
		expect({ status: install.status, stderr: install.stderr }).toEqual({ status: 0, stderr: '' });
		expectEnergy(root, '/usr/bin/wattlag');
		expect(existsSync(join(path, 'usr/share/man/man1/wattlag.1.gz'))).toBe(true);
		expect(unitsOf(root)).toEqual(UNITS);
		expect(readdirSync(join(path, 'var/cache/wattlag'))).toEqual(['compiled']);
		// an upgrade, from below and to above, and back
		for (const other of ['0.0.1', '99.0.0']) {
			packageOfVersion(other, join(path, `tmp/${other}.deb`));
			for (const file of [`${other}.deb`, 'wattlag.deb'])
				expect(root.run(['dpkg', '-i', `/tmp/${file}`]).status).toBe(0);
			rmSync(join(path, `tmp/${other}.deb`));
			expectEnergy(root, '/usr/bin/wattlag');
		}
		expect(root.run(['dpkg', '-i', '/tmp/wattlag.deb']).status).toBe(0);
		expectEnergy(root, '/usr/bin/wattlag');
		expect(root.run(['dpkg', '--purge', 'wattlag']).status).toBe(0);
		const owned = /^(var\/(lib\/dpkg|log|cache\/(man|debconf))|etc\/ld)/;
		expect(paths(root).filter((name) => !before.includes(name) && !owned.test(name))).toEqual([]);
	});
});

describe('a running systemd', () => {
	const path = mkdtempSync('/var/tmp/wattlag-systemd-');
	const root = newRoot(path);
	let container: ReturnType<typeof spawn> | undefined;

	afterAll(() => {
		container?.kill('SIGKILL');
	});

	/** Process id of the container's systemd; undefined: not yet. */
	function init(): string | undefined {
		const children = spawnSync('pgrep', ['-P', String(container?.pid)], { encoding: 'utf8' });
		return children.stdout.trim().split('\n').filter(Boolean)[0];
	}

	test('starts the services of the .deb, as other users than root where that does, and stops them', {
		timeout: 600_000,
	}, async () => {
		minimalSystem('bookworm', path, ['systemd', 'systemd-sysv', 'dbus']);
		// not /tmp, which the container has in memory
		root.add(artifact.deb(), 'root/own.deb');
		packageOfVersion('99.0.0', join(path, 'root/newer.deb'));
		expect(root.run(['dpkg', '-i', '/root/own.deb']).status).toBe(0);
		container = spawn(
			'systemd-nspawn',
			[
				...['-D', path, '--boot', '--register=no', '--keep-unit', '--console=read-only'],
				// containers have no BPF unless it is allowed
				...['--capability=all', '--system-call-filter=bpf perf_event_open', '--bind-ro=/sys/kernel/btf'],
			],
			{ stdio: 'ignore' },
		);
		const inside = (...words: string[]) => {
			const { status, stdout } = spawnSync('nsenter', ['-t', init() as string, '-a', ...words], { encoding: 'utf8' });
			return { status, stdout };
		};
		await vi.waitUntil(() => init() !== undefined && inside('systemctl', 'is-system-running').status === 0, waiting);
		expect(inside('systemctl', 'start', 'wattlag').status).toBe(0);
		const lines = () => inside('cat', '/var/log/wattlag/batch.jsonl').stdout.split('\n');
		// a line every 10 s
		await vi.waitUntil(() => lines().length > 2, waiting);
		expect(JSON.parse(lines()[0] as string).rows.length).toBeGreaterThan(0);
		const shown = (unit: string, property: string): string =>
			inside('systemctl', 'show', '--value', '-p', property, unit).stdout.trim();
		/** Rights and memory are those of the unit; it was started once. */
		const expectLimits = (unit: string, capabilities: string, user: RegExp): void => {
			const status = inside('cat', `/proc/${shown(unit, 'MainPID')}/status`).stdout;
			expect(status).toMatch(user);
			expect(status).toMatch(new RegExp(`^CapEff:\\t${capabilities}\\nCapBnd:\\t${capabilities}$`, 'm'));
			expect(status).toMatch(/^NoNewPrivs:\t1$/m);
			expect(status).toMatch(/^Seccomp:\t2$/m);
			const [, resident] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
			expect(Number(resident) * 1024).toBeLessThan(Math.min(Number(shown(unit, 'MemoryMax')) || Infinity, 400 << 20));
			expect(shown(unit, 'NRestarts')).toBe('0');
		};
		const ends = (unit: string): void => {
			expect(inside('systemctl', 'stop', unit).status).toBe(0);
			expect(inside('systemctl', 'is-failed', unit).stdout).toBe('inactive\n');
		};
		// CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYSLOG, CAP_PERFMON, CAP_BPF
		expectLimits('wattlag', '000000c400280004', /^Uid:\t[1-9]/m);
		ends('wattlag');

		expect(inside('systemctl', 'start', 'wattlag-serve').status).toBe(0);
		// the container has the network of this machine
		await vi.waitFor(async () => {
			const text = await (await fetch('http://127.0.0.1:9724/metrics')).text();
			const tabs = [...text.matchAll(/^wattlag_tab_up\{tab="(\w+)"\} (\d)$/gm)].map(([, tab, up]) => ({ tab, up }));
			// the capabilities are enough for every tab
			expect(tabs.filter(({ up }) => up === '1').length).toBeGreaterThan(4);
			expect(tabs.filter(({ up }) => up !== '1')).toEqual([]);
		}, waiting);
		expectLimits('wattlag-serve', '000000c400280004', /^Uid:\t[1-9]/m);
		ends('wattlag-serve');

		expect(inside('systemctl', 'start', 'wattlag-record').status).toBe(0);
		await vi.waitFor(() => expect(inside('find', '/var/lib/wattlag', '-size', '+8k').stdout).not.toBe(''), waiting);
		// root's folder, without root's privileges
		expectLimits('wattlag-record', '000000c400280004', /^Uid:\t0\t/m);
		ends('wattlag-record');

		// a service that runs becomes that of the new version, from below and from above
		expect(inside('systemctl', 'enable', '--now', 'wattlag', 'wattlag-record').status).toBe(0);
		for (const file of ['newer.deb', 'own.deb']) {
			const before = shown('wattlag', 'MainPID');
			expect(inside('dpkg', '-i', `/root/${file}`).status).toBe(0);
			await vi.waitFor(() => expect(shown('wattlag', 'ActiveState')).toBe('active'), waiting);
			expect(shown('wattlag', 'MainPID')).not.toBe(before);
		}
		// a removal stops what runs: nothing stays loaded
		const programs = () => inside('sh', '-c', 'cat /proc/[0-9]*/comm').stdout.split('\n');
		expect(programs()).toContain('wattlag');
		expect(inside('dpkg', '--purge', 'wattlag').status).toBe(0);
		expect(programs()).not.toContain('wattlag');
		expect(inside('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'wattlag*').stdout).toBe('');
		expect(paths(root).filter((name) => /wattlag/.test(name))).toEqual([]);
		inside('systemctl', 'poweroff');
		await once(container, 'exit');
	});
});

describe('the .rpm', () => {
	test('installs, runs and is erased', () => {
		const root = newRoot();
		const rpm = (...words: string[]): void => {
			execFileSync('rpm', ['--root', root.path, '--nosignature', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
		};
		rpm('--initdb');
		rpm('-i', '--nodeps', artifact.rpm());
		expectEnergy(root, '/usr/bin/wattlag');
		expect(unitsOf(root)).toEqual(UNITS);
		rpm('-e', 'wattlag');
		expect(paths(root).filter((name) => /wattlag/.test(name))).toEqual([]);
	});

	test.each(['x64', 'arm64'] as const)('for %s depends on nothing', (arch) => {
		const requires = execFileSync('rpm', ['-qp', '--nosignature', '--requires', artifact.rpm(arch)], {
			encoding: 'utf8',
		});
		expect(requires.split('\n').filter((line) => line !== '' && !/^(rpmlib\(|\/bin\/sh$)/.test(line))).toEqual([]);
	});
});

describe('the image', () => {
	test('runs from its layer', () => {
		const root = newRoot();
		const unpacked = mkdtempSync('/var/tmp/wattlag-oci-');
		try {
			execFileSync('skopeo', [
				'copy',
				'--quiet',
				'--override-arch',
				archs[host].oci,
				`oci-archive:${artifact.image()}`,
				`dir:${unpacked}`,
			]);
			const manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8')) as {
				layers: { digest: string }[];
			};
			for (const { digest } of manifest.layers)
				execFileSync('tar', ['-xzf', join(unpacked, digest.replace('sha256:', '')), '-C', root.path]);
			expectEnergy(root, '/usr/bin/wattlag');
		} finally {
			rmSync(unpacked, { recursive: true });
		}
	});
});

describe('the image in a container engine', () => {
	let storage = '';
	const store = () => ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs'];
	// limits of the caller, which may be below the engine's defaults
	const limits = ['nofile', 'nproc'].flatMap((name) => {
		const row = name === 'nofile' ? 'Max open files' : 'Max processes';
		const [, hard] = new RegExp(`^${row}\\s+\\S+\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
		const limit = Math.min(Number(hard ?? 4096), 4096);
		return ['--ulimit', `${name}=${limit}:${limit}`];
	});
	const engine = ['--cgroup-manager', 'cgroupfs', '--runtime', 'runc'];
	const image = `localhost/wattlag:${version}`;

	beforeAll(() => {
		storage = mkdtempSync('/var/tmp/wattlag-podman-');
	});
	afterAll(() => {
		spawnSync('podman', [...store(), 'system', 'reset', '--force'], { stdio: 'ignore' });
		rmSync(storage, { recursive: true, force: true });
	});

	test.each([
		['with all rights', ['--privileged']],
		[
			'with a root folder that is read-only, and five capabilities',
			[
				'--read-only',
				'--cap-drop=ALL',
				...['BPF', 'PERFMON', 'SYS_ADMIN', 'DAC_READ_SEARCH', 'SYS_PTRACE'].map((name) => `--cap-add=${name}`),
			],
		],
	])('%s', (_, rights) => {
		const target = `containers-storage:[vfs@${join(storage, 'root')}+${join(storage, 'run')}]${image}`;
		execFileSync('skopeo', [
			...['copy', '--quiet', '--override-arch', archs[host].oci],
			...[`oci-archive:${artifact.image()}`, target],
		]);
		const { status, stdout, stderr } = spawnSync(
			'podman',
			[
				...[
					...store(),
					...engine,
					'run',
					'--rm',
					...limits,
					...rights,
					'--pid=host',
					'--cgroupns=host',
					'--network=host',
				],
				...['-v', '/sys:/sys', '-v', '/sys/fs/cgroup:/sys/fs/cgroup', image],
				...['--batch', '--json', '--tab', 'energy', '-n', '1'],
			],
			{ encoding: 'utf8', timeout: 60_000 },
		);
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		const { rows } = JSON.parse(stdout) as { rows: { pid: number; cgroup: string }[] };
		// processes of the machine, with the names of their groups
		expect(rows.map(({ pid }) => pid)).toContain(process.pid);
		expect(rows.filter(({ cgroup }) => cgroup.startsWith('/')).length).toBeGreaterThan(rows.length / 2);
	});
});

/** A registry of npm that has these packages, as after their publication. */
async function registryOf(paths: readonly string[]): Promise<{ server: Server; url: string }> {
	const packages = paths.map((path) => {
		const manifest = execFileSync('tar', ['-xzOf', path, 'package/package.json'], { encoding: 'utf8' });
		const { name, version: one } = JSON.parse(manifest) as { name: string; version: string };
		return { name, version: one, manifest: JSON.parse(manifest) as object, bytes: readFileSync(path) };
	});
	const server = createServer((request, response) => {
		const { url: path = '', headers } = request;
		const [, asked, tarball] = /^\/([^/]+?)(\.tgz)?$/.exec(path) ?? [];
		const found = packages.find(({ name }) => name === asked);
		if (!found) response.writeHead(404).end();
		else if (tarball) response.end(found.bytes);
		else {
			const integrity = `sha512-${createHash('sha512').update(found.bytes).digest('base64')}`;
			const dist = { tarball: `http://${headers.host}/${found.name}.tgz`, integrity };
			const versions = { [found.version]: { ...found.manifest, dist } };
			response.setHeader('Content-Type', 'application/json');
			response.end(JSON.stringify({ name: found.name, 'dist-tags': { latest: found.version }, versions }));
		}
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

describe('the npm packages', () => {
	test('npx has the screen from a registry, by the Node that came along', async () => {
		const home = mkdtempSync('/var/tmp/wattlag-npx-');
		const paths = globSync(join(folder, 'wattlag-node-linux-*.tgz'));
		const { server, url } = await registryOf([artifact.npm(), ...paths]);
		// not in this checkout, which is a package of that name
		const env = {
			HOME: home,
			// npm with the machine's Node, not with the one of this checkout
			PATH: (process.env['PATH'] ?? '')
				.split(':')
				.filter((path) => !path.includes('node_modules'))
				.join(':'),
			npm_config_registry: url,
			npm_config_cache: join(home, 'cache'),
			npm_config_update_notifier: 'false',
		};
		const run = new TerminalRun('npx', ['--yes', 'wattlag'], { columns: 120, rows: 40, env, cwd: home });
		try {
			await run.waitFor(/PSI[\s\S]*PID .*WATTS .*WAIT99/, 60_000);
			run.send('q');
			expect((await run.ended()).code).toBe(0);
			const { stdout } = await promisify(execFile)('npx', ['--yes', 'wattlag', 'version', '--json'], {
				env,
				cwd: home,
			});
			const [, node] = /-(\d+\.\d+\.\d+)\.tgz$/.exec(paths[0] as string) ?? [];
			expect(JSON.parse(stdout)).toMatchObject({ wattlag: version, build: 'release', node });
		} finally {
			await run.kill();
			server.close();
			rmSync(home, { recursive: true });
		}
	});

	test('npm installs them, and the program runs with the Node among them', () => {
		const prefix = mkdtempSync('/var/tmp/wattlag-npm-');
		try {
			const node = globSync(join(folder, `wattlag-node-linux-${host}-*.tgz`));
			execFileSync(
				'npm',
				['install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', '--omit=optional', artifact.npm(), ...node],
				{
					stdio: ['ignore', 'pipe', 'pipe'],
				},
			);
			const program = join(prefix, 'bin/wattlag');
			const output = execFileSync(program, ['version', '--json'], { encoding: 'utf8' });
			expect(JSON.parse(output)).toMatchObject({ wattlag: version, build: 'release', libbpf: '1.1', arch: host });
			const planted = join(prefix, 'planted.cjs');
			writeFileSync(planted, 'console.log("planted")');
			expect(
				execFileSync(program, ['--version'], {
					encoding: 'utf8',
					env: { ...process.env, NODE_OPTIONS: `--require=${planted}`, NODE_PATH: prefix },
				}),
			).toBe(`wattlag ${version}\n`);
			execFileSync('chmod', ['o+w', join(prefix, 'lib/node_modules/wattlag/dist/wattlag.mjs')]);
			const refused = spawnSync(program, ['--version'], { encoding: 'utf8' });
			expect(refused.status).toBe(1);
			expect(refused.stderr).toMatch(/^wattlag: refused: root would run what others can change/);
		} finally {
			rmSync(prefix, { recursive: true });
		}
	});
});

describe('a root with musl as its only C library', () => {
	test('the one file runs beside it', () => {
		const root = newRoot();
		const [musl] = globSync(join(folder, 'cache/debian/musl_*_amd64.deb'));
		execFileSync('dpkg-deb', ['--extract', musl as string, root.path]);
		expect(globSync(join(root.path, 'lib/ld-musl-*'))).not.toEqual([]);
		root.add(artifact.file(), 'usr/bin/wattlag');
		expectEnergy(root, '/usr/bin/wattlag');
	});
});

describe('another machine', () => {
	const qemu = '/usr/bin/qemu-aarch64-static';

	test('the one file for arm64 runs: addon, BTF and a batch without BPF', () => {
		const root = newRoot();
		root.add(artifact.file('arm64'), 'wattlag');
		root.add(qemu, 'qemu');
		const unpacked = root.run(['/qemu', '/wattlag', '--version'], { env: { WATTLAG_DIR: '/root/w' } });
		// the kernel cannot start programs for arm64: the dynamic linker is called by hand
		expect(unpacked.stderr).toMatch(/cannot run|^$/);
		const [tree] = globSync(join(root.path, 'root/w/*/node'));
		const inside = `/${(tree as string).slice(root.path.length + 1).replace(/\/node$/, '')}`;
		const words = [
			'/qemu',
			`${inside}/lib/${archs.arm64.linker}`,
			'--library-path',
			`${inside}/lib`,
			`${inside}/node`,
			`${inside}/dist/wattlag.mjs`,
		];
		const { stdout } = root.run([...words, 'version', '--json']);
		expect(JSON.parse(stdout)).toMatchObject({ arch: 'arm64', libbpf: '1.1', build: 'release' });
		const batch = root.run([...words, '--batch', '--tab', 'energy', '--source', 'proc', '--json', '-n', '1']);
		expect(batch.status).toBe(0);
		expect(JSON.parse(batch.stdout).rows.length).toBeGreaterThan(0);
	});
});

describe('documents', () => {
	test('every artifact is in SHA256SUMS, with its sum', () => {
		execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: folder });
		const listed = readFileSync(artifact.sums(), 'utf8')
			.trim()
			.split('\n')
			.map((line) => line.split('  ')[1]);
		expect(listed).toEqual(
			readdirSync(folder)
				.filter((name) => name.startsWith('wattlag'))
				.sort(),
		);
	});

	test('the release note is of this version', () => {
		expect(readFileSync(artifact.note(), 'utf8')).toMatch(new RegExp(`^## ${version.replaceAll('.', '\\.')} `));
	});

	test('the list of components names exactly the contents of the bundle', () => {
		const { components } = JSON.parse(readFileSync(artifact.sbom(), 'utf8')) as {
			components: { name: string; version: string; properties: { value: string }[] }[];
		};
		const listed = components
			.filter(({ properties }) => properties[0]?.value === 'bundle')
			.map(({ name, version }) => `${name}@${version}`);
		// source maps name every file of which a byte is in the bundle
		const root = newRoot();
		execFileSync('tar', ['-xJf', artifact.archive(), '-C', root.path, '--strip-components=1']);
		const sources = globSync(join(root.path, 'lib/wattlag/dist/*.map')).flatMap(
			(path) => (JSON.parse(readFileSync(path, 'utf8')) as { sources: string[] }).sources,
		);
		const bundled = new Set<string>();
		for (const source of sources) {
			const at = /(node_modules\/.*node_modules\/|node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(source);
			if (!at) continue;
			const path = source.slice(source.indexOf('node_modules'), at.index + at[0].length);
			const own = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as { name: string; version: string };
			bundled.add(`${own.name}@${own.version}`);
		}
		expect([...new Set(listed)].sort()).toEqual([...bundled].sort());
	});

	test('every component has the text of its licence', () => {
		const { components } = JSON.parse(readFileSync(artifact.sbom(), 'utf8')) as {
			components: { name: string; version: string }[];
		};
		const text = readFileSync(artifact.thirdParty(), 'utf8');
		for (const { name, version } of components) expect(text).toContain(`\n${name} ${version}: `);
	});

	test('the source archive has the sources of every C library', () => {
		const names = execFileSync('tar', ['-tf', artifact.sources()], { encoding: 'utf8' });
		for (const name of ['elfutils', 'gcc-12', 'glibc', 'libbpf', 'libzstd', 'musl', 'zlib']) {
			expect(names).toMatch(new RegExp(`libraries/${name}_.*\\.dsc`));
			expect(names).toMatch(new RegExp(`libraries/${name}_.*\\.orig\\.tar`));
		}
	});
});
