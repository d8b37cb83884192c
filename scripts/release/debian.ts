/**
 * Packages of Debian's archive that the release is made from, binaries of both architectures and sources, each pinned by
 * version and SHA-256 in pins.json. apt fetches them with folders of its own, so nothing of this machine changes.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runBytes } from '../exec.ts';
import { step } from './step.ts';
import { type Arch, archs } from './targets.ts';

/** Debian 12: the oldest release with a Node-compatible C++ library that is still served by all mirrors. */
const SUITE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const BINARIES = [
	'gcc-12-base',
	'libc6',
	'libc6-dev',
	'libgcc-12-dev',
	'libgcc-s1',
	'libstdc++6',
	'linux-libc-dev',
	'musl',
	'musl-dev',
] as const;
export const SOURCES = ['elfutils', 'gcc-12', 'glibc', 'libbpf', 'libzstd', 'musl', 'zlib'] as const;

export type BinaryName = (typeof BINARIES)[number];
export type SourceName = (typeof SOURCES)[number];

interface Pin {
	version: string;
	/** Of the .deb, or of the .dsc, which has the sums of all files of its source. */
	sha256: string;
}

export type Pins = Record<'amd64' | 'arm64', Record<BinaryName, Pin>> & { source: Record<SourceName, Pin> };

const pinsFile = new URL('./pins.json', import.meta.url);

function readPins(): Pins {
	return JSON.parse(readFileSync(pinsFile, 'utf8')) as Pins;
}

export function sha256(path: string): string {
	return createHash('sha256').update(readFileSync(path)).digest('hex');
}

export interface ArchiveSettings {
	/** Folder for everything fetched. Kept between builds. */
	cache: string;
	/** Take the archive's version where it no longer has the pinned one. */
	lenient: boolean;
}

export class DebianArchive {
	private readonly folder: string;
	private readonly lenient: boolean;
	private pins = readPins();
	private env: NodeJS.ProcessEnv | undefined;

	constructor({ cache, lenient }: ArchiveSettings) {
		this.folder = join(cache, 'debian');
		this.lenient = lenient;
		mkdirSync(this.folder, { recursive: true });
	}

	/** Path of the .deb. */
	binary(arch: Arch, name: BinaryName): string {
		const { debian } = archs[arch];
		const pin = this.pins[debian][name];
		const kept = this.kept(fileName(name, pin.version, `_${debian}.deb`), pin);
		return kept ?? this.fetch(`${name}:${debian}`, pin, 'download', `_${debian}.deb`, name);
	}

	/** Path of the .dsc; the files that it names lie beside it. */
	source(name: SourceName): string {
		const pin = this.pins.source[name];
		return this.kept(fileName(name, pin.version, '.dsc'), pin) ?? this.fetch(name, pin, 'source', '.dsc', name);
	}

	/** Fetch what is not there yet, in few calls: every call of apt reads all its lists. */
	prefetch(binaries: readonly (readonly [Arch, BinaryName])[], sources: readonly SourceName[]): void {
		const debs = binaries
			.map(([arch, name]) => ({ name, debian: archs[arch].debian, pin: this.pins[archs[arch].debian][name] }))
			.filter(({ name, debian, pin }) => !this.kept(fileName(name, pin.version, `_${debian}.deb`), pin))
			.map(({ name, debian, pin }) => `${name}:${debian}=${pin.version}`);
		const dscs = sources
			.map((name) => ({ name, pin: this.pins.source[name] }))
			.filter(({ name, pin }) => !this.kept(fileName(name, pin.version, '.dsc'), pin))
			.map(({ name, pin }) => `${name}=${pin.version}`);
		try {
			if (debs.length > 0) step(`fetching ${debs.join(' ')}`);
			if (debs.length > 0) this.apt('download', ...debs);
			if (dscs.length > 0) step(`fetching sources ${dscs.join(' ')}`);
			if (dscs.length > 0) this.apt('source', ...dscs);
		} catch {
			// one of them cannot be fetched: its own fetch, below, reports that or finds another source
		}
	}

	/** Version that was taken: the pinned one, or a later one where that was allowed. */
	version(name: SourceName): string {
		return this.pins.source[name].version;
	}

	/** The same of a binary package. Fetches it: only then is it known. */
	binaryVersion(arch: Arch, name: BinaryName): string {
		this.binary(arch, name);
		return this.pins[archs[arch].debian][name].version;
	}

	/** Unpack the .deb's files below `folder`. */
	unpack(arch: Arch, names: readonly BinaryName[], folder: string): void {
		for (const name of names) run('dpkg-deb', ['-x', this.binary(arch, name), folder]);
	}

	/** Text of a file of the .deb. */
	readFile(arch: Arch, name: BinaryName, path: string): string {
		const input = runBytes('dpkg-deb', ['--fsys-tarfile', this.binary(arch, name)]);
		return run('tar', ['-xO', `./${path}`], { input });
	}

	/** Paths of the files that make up the source: the .dsc and those that it names. */
	sourceFiles(name: SourceName): string[] {
		const dsc = this.source(name);
		const named = /^Checksums-Sha256:\n((?: .*\n)+)/m.exec(readFileSync(dsc, 'utf8'))?.[1] ?? '';
		const files = named
			.trim()
			.split('\n')
			.map((line) => join(this.folder, line.trim().split(' ')[2] as string));
		return [dsc, ...files];
	}

	/** Unpack the source with Debian's patches into `folder`, which must not exist. The .dsc's sums are checked. */
	unpackSource(name: SourceName, folder: string): void {
		run('dpkg-source', ['--no-check', '-x', this.source(name), folder]);
		// outside the folder, made by dpkg-source
		for (const file of readdirSync(join(folder, '..')))
			if (/\.orig(-\w+)?\.tar\./.test(file)) rmSync(join(folder, '..', file));
	}

	/** Every pin anew, from what the archive has today. */
	repin(): void {
		const pinned = { amd64: {}, arm64: {}, source: {} } as Pins;
		for (const arch of ['x64', 'arm64'] as const) {
			const { debian } = archs[arch];
			for (const name of BINARIES)
				pinned[debian][name] = this.current(`${name}:${debian}`, 'download', `_${debian}.deb`);
		}
		for (const name of SOURCES) pinned.source[name] = this.current(name, 'source', '.dsc');
		this.pins = pinned;
		writeFileSync(pinsFile, `${JSON.stringify(pinned, null, '\t')}\n`);
	}

	private kept(file: string, { sha256: sum }: Pin): string | undefined {
		const path = join(this.folder, file);
		return existsSync(path) && sha256(path) === sum ? path : undefined;
	}

	private fetch(asked: string, pin: Pin, how: 'download' | 'source', ending: string, name: string): string {
		step(`fetching ${asked} ${pin.version}`);
		const file = fileName(name, pin.version, ending);
		try {
			this.apt(how, `${asked}=${pin.version}`);
		} catch (error) {
			if (!this.lenient)
				throw new Error(
					`${(error as Error).message}\nThe archive no longer has ${asked} ${pin.version}: npm run release -- --repin takes today's versions`,
				);
			const current = this.current(asked, how, ending);
			step(`the archive has no ${asked} ${pin.version} any more: taking ${current.version}`);
			pin.version = current.version;
			pin.sha256 = current.sha256;
			return join(this.folder, fileName(name, current.version, ending));
		}
		const path = join(this.folder, file);
		const sum = sha256(path);
		if (sum !== pin.sha256) {
			rmSync(path);
			throw new Error(`${file}: SHA-256 is ${sum}, pinned is ${pin.sha256}`);
		}
		return path;
	}

	/** Fetch what the archive has today. */
	private current(asked: string, how: 'download' | 'source', ending: string): Pin {
		const uris = this.apt(how, asked, '--print-uris');
		const file = uris
			.match(/^'\S+' (\S+)/gm)
			?.map((line) => line.split(' ')[1] as string)
			.find((word) => word.endsWith(ending));
		if (!file) throw new Error(`${asked}: apt names no file that ends in ${ending}:\n${uris}`);
		if (!existsSync(join(this.folder, file))) this.apt(how, asked);
		const path = join(this.folder, file);
		const version =
			ending === '.dsc'
				? /^Version: (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1]
				: run('dpkg-deb', ['-f', path, 'Version']).trim();
		if (!version) throw new Error(`${file} names no version`);
		return { version, sha256: sha256(path) };
	}

	private apt(how: 'download' | 'source', ...words: string[]): string {
		this.env ??= this.configure();
		const extra = how === 'source' ? ['--download-only', '--only-source'] : [];
		return run('apt-get', ['-q', how, ...extra, ...words], { cwd: this.folder, env: this.env });
	}

	/** Folders and sources of our own for apt. */
	private configure(): NodeJS.ProcessEnv {
		const folder = join(this.folder, '../apt');
		for (const name of ['state/lists/partial', 'cache/archives/partial', 'etc'])
			mkdirSync(join(folder, name), { recursive: true });
		const { main, security } = mirrors();
		const source = (uri: string, suites: string): string =>
			`Types: deb deb-src\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: ${KEYRING}\n`;
		writeFileSync(
			join(folder, 'etc/debian.sources'),
			[source(main, `${SUITE} ${SUITE}-updates`), ...(security ? [source(security, `${SUITE}-security`)] : [])].join(
				'\n',
			),
		);
		writeFileSync(
			join(folder, 'apt.conf'),
			[
				'APT::Architecture "amd64";',
				'APT::Architectures { "amd64"; "arm64"; };',
				`Dir::State "${folder}/state";`,
				'Dir::State::status "/dev/null";',
				`Dir::Cache "${folder}/cache";`,
				'Dir::Etc::SourceList "/dev/null";',
				`Dir::Etc::SourceParts "${folder}/etc";`,
				'Acquire::Languages "none";',
				'APT::Sandbox::User "root";',
				'',
			].join('\n'),
		);
		const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C' };
		step("reading the archive's lists");
		run('apt-get', ['-q', 'update'], { env });
		return env;
	}
}

function fileName(name: string, version: string, ending: string): string {
	// an epoch is in no file name
	return `${name}_${version.replace(/^\d+:/, '')}${ending}`;
}

/** The mirrors that this machine's own apt uses. */
function mirrors(): { main: string; security: string | undefined } {
	const uris = run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
		env: { ...process.env, LC_ALL: 'C' },
	}).split('\n');
	const main = uris.find((uri) => /\/debian\/?$/.test(uri));
	if (!main) throw new Error("this machine's apt has no Debian archive among its sources");
	return { main, security: uris.find((uri) => /debian-security\/?$/.test(uri)) };
}

/** Rename a finished folder into its final name, so that an interrupted step leaves none under it. */
export function finish(temporary: string, folder: string): void {
	rmSync(folder, { recursive: true, force: true });
	renameSync(temporary, folder);
}
