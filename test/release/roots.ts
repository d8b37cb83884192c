/** Throw-away root folders with a static busybox and nothing else, entered with proc and sys of this machine. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalRun } from '../pty/terminal.ts';
import { MARK } from '../setup/marked.ts';

export interface Entering {
	/** Besides PATH. */
	env?: Record<string, string>;
	/** Shell commands before the root is entered; its path is in `$R`. Their mounts are seen by this run only. */
	before?: string;
	/** Number of the user in the root. */
	user?: number;
}

/** What a finished run left. */
export interface Finished {
	status: number | null;
	stdout: string;
	stderr: string;
}

const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', [MARK]: process.env[MARK] ?? '' };

/** Mounts vanish with the mount namespace, so nothing has to be unmounted. */
const ENTER = `
R=$1 U=$2; shift 2
mount -t proc proc "$R/proc"
mount --rbind /sys "$R/sys"
mount --rbind /dev "$R/dev"
`;

export class Root {
	readonly path: string;

	/** `folder`: an existing root; missing: a new one with busybox. */
	constructor(folder?: string) {
		// not below /tmp, which some machines keep in memory: a tree has 117 MB
		this.path = folder ?? mkdtempSync('/var/tmp/wattlag-root-');
		for (const name of ['bin', 'proc', 'sys', 'dev', 'root', 'etc'])
			mkdirSync(join(this.path, name), { recursive: true });
		mkdirSync(join(this.path, 'tmp'), { recursive: true });
		execFileSync('chmod', ['755', this.path]);
		execFileSync('chmod', ['1777', join(this.path, 'tmp')]);
		if (folder === undefined) {
			copyFileSync('/bin/busybox', join(this.path, 'bin/busybox'));
			for (const name of ['sh', 'ls', 'cat', 'sleep']) symlinkSync('busybox', join(this.path, 'bin', name));
			mkdirSync(join(this.path, 'usr/bin'), { recursive: true });
			symlinkSync('/bin/busybox', join(this.path, 'usr/bin/env'));
		}
	}

	/** Copy a file of this machine. */
	add(from: string, to: string): void {
		mkdirSync(join(this.path, to, '..'), { recursive: true });
		copyFileSync(from, join(this.path, to));
	}

	run(args: readonly string[], entering: Entering = {}): Finished {
		const [command, ...words] = this.words(args, entering);
		const { status, stdout, stderr } = spawnSync(command as string, words, {
			encoding: 'utf8',
			stdio: ['ignore', 'pipe', 'pipe'],
			timeout: 60_000,
		});
		return { status, stdout, stderr };
	}

	/** A run that goes on until it is killed or its standard input is closed. */
	start(args: readonly string[], entering: Entering = {}): ReturnType<typeof spawn> {
		const [command, ...words] = this.words(args, entering);
		return spawn(command as string, words, { stdio: ['pipe', 'pipe', 'inherit'] });
	}

	terminal(args: readonly string[], entering: Entering = {}): TerminalRun {
		const [command, ...words] = this.words(args, entering);
		return new TerminalRun(command as string, words, { columns: 120, rows: 40 });
	}

	remove(): void {
		rmSync(this.path, { recursive: true, force: true });
	}

	private words(args: readonly string[], { before = '', user = 0, env = {} }: Entering): string[] {
		const script = `${ENTER}${before}\nexec chroot --userspec="$U:$U" "$R" "$@"`;
		// set inside only: the commands that enter are those of this machine
		const variables = Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`);
		const enter = ['unshare', '-m', '--propagation', 'slave', 'sh', '-euc', script, 'sh', this.path, `${user}`];
		return [...enter, '/usr/bin/env', '-i', ...variables, ...args];
	}
}
