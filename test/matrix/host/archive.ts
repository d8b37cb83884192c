/**
 * Packages of the Debian archive that apt is set up for, of other releases than the machine's. apt itself fetches and
 * verifies them, with lists and sources of its own in the cache: the machine's apt stays as it is.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The last one that has a kernel of each series; a release that the archive does not carry is left out. */
const SUITES = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid'];
const SECURITY = ['bullseye-security', 'bookworm-security', 'trixie-security'];
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

export type Arch = 'amd64' | 'arm64';

function apt(program: string, args: readonly string[], cwd?: string): string {
	return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, cwd });
}

/** Where this machine's apt finds Debian, by label. */
function uris(): Map<string, string> {
	const lines = apt('apt-get', ['indextargets', '--format', '$(LABEL)|$(REPO_URI)', 'Created-By: Packages']);
	return new Map(
		lines.split('\n').flatMap((line) => (line.includes('|') ? [line.split('|') as [string, string]] : [])),
	);
}

export class Archive {
	private readonly folder: string;

	/** @param cache folder, made if need be */
	constructor(cache: string) {
		this.folder = join(cache, 'apt');
	}

	/** Fetch the lists of packages if they were never fetched. */
	prepare(): void {
		if (!existsSync(join(this.folder, 'complete'))) this.update();
	}

	/** Fetch the lists of packages. */
	update(): void {
		for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(this.folder, name), { recursive: true });
		const found = uris();
		const [debian, security] = [found.get('Debian'), found.get('Debian-Security')];
		if (debian === undefined)
			throw new Error('apt has no source of Debian: add the archive to /etc/apt, then apt-get update');
		const source = (uri: string, suite: string): string =>
			`deb [arch=amd64,arm64 signed-by=${KEYS}] ${uri} ${suite} main\n`;
		const sources = [
			...SUITES.map((suite) => source(debian, suite)),
			...(security === undefined ? [] : SECURITY.map((suite) => source(security, suite))),
		];
		writeFileSync(join(this.folder, 'sources.list'), sources.join(''));
		// releases come and go: what is missing of a kernel is reported when its package is not found
		try {
			this.apt('apt-get', ['update']);
		} catch (error) {
			process.stderr.write(`matrix: apt-get update: ${(error as { stderr?: string }).stderr?.trim()}\n`);
		}
		writeFileSync(join(this.folder, 'complete'), '');
	}

	/** Names of packages that begin so. */
	names(prefix: string): string[] {
		return this.apt('apt-cache', ['pkgnames', prefix]).split('\n').filter(Boolean);
	}

	/** Is there something to download? The names of packages include those that others only mention. */
	has(name: string, arch: Arch): boolean {
		try {
			return /^Filename: /m.test(this.apt('apt-cache', ['show', '--no-all-versions', `${name}:${arch}`]));
		} catch {
			return false;
		}
	}

	/** Of this machine, `bookworm`: libraries for a cross-build have to be those that it has headers of. */
	ownRelease(): string {
		return apt('sh', ['-c', '. /etc/os-release; echo "$VERSION_CODENAME"']).trim();
	}

	/**
	 * Paths of the packages in a folder, in no order.
	 * @param release that they are of; default: the one that has the newest version
	 */
	download(names: readonly string[], arch: Arch, folder: string, release?: string): string[] {
		mkdirSync(folder, { recursive: true });
		const suffix = release === undefined ? '' : `/${release}`;
		this.apt('apt-get', ['download', ...names.map((name) => `${name}:${arch}${suffix}`)], folder);
		return readdirSync(folder).flatMap((file) => (file.endsWith('.deb') ? [join(folder, file)] : []));
	}

	private apt(program: string, args: string[], cwd?: string): string {
		const settings = {
			'Dir::State': this.folder,
			'Dir::State::Lists': 'lists',
			'Dir::State::status': '/dev/null',
			'Dir::Cache': this.folder,
			// images of containers turn it off: every question would then read 500 MB
			'Dir::Cache::pkgcache': 'pkgcache.bin',
			'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
			'Dir::Etc::sourcelist': join(this.folder, 'sources.list'),
			'Dir::Etc::sourceparts': '-',
			'APT::Architectures': 'amd64,arm64',
			'APT::Sandbox::User': 'root',
			'Acquire::Languages': 'none',
			// the lists of releases that get no more updates do not expire here
			'Acquire::Check-Valid-Until': 'false',
		};
		return apt(
			program,
			[...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...args],
			cwd,
		);
	}
}

/** Unpack what `keep` wants of a package's files into a folder; paths as in the package, with `./`. */
export function unpack(deb: string, folder: string, patterns: readonly string[] = []): void {
	mkdirSync(folder, { recursive: true });
	const wildcards = patterns.length > 0 ? `--wildcards ${patterns.map((pattern) => `'${pattern}'`).join(' ')}` : '';
	const script = `set -e; dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner ${wildcards} 2>"$2/.errors" || grep -q 'Not found in archive' "$2/.errors"; rm -f "$2/.errors"`;
	apt('sh', ['-c', script, 'sh', deb, folder]);
}
