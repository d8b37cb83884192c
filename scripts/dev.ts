/**
 * The inner loop for the screen: shows it on fixture data (no root, no BPF) and again whenever a source changes.
 *   npm run dev              fixture data, labelled as such
 *   npm run dev -- --live    the real program, BPF objects and addon included
 * It ends with the screen (`q`, Ctrl-C).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { context, type Plugin } from 'esbuild';
import { bundling } from './bundle.ts';

const live = process.argv.includes('--live');
const folder = 'build/dev';
let screen: ChildProcess | undefined;

/** Start the screen anew. The old one restores the terminal before it ends. */
async function show(command: string, args: string[]): Promise<void> {
	const old = screen;
	screen = undefined;
	if (old) {
		const ended = new Promise((resolve) => old.once('exit', resolve));
		old.kill('SIGTERM');
		await ended;
	}
	const started = spawn(command, args, { stdio: 'inherit' });
	started.once('exit', () => started === screen && end());
	screen = started;
}

const showWhenBuilt: Plugin = {
	name: 'show when built',
	setup({ onEnd }) {
		// esbuild prints what is wrong; the screen of the last good build stays
		onEnd(({ errors }) => (errors.length > 0 ? undefined : show(process.execPath, [`${folder}/main.mjs`])));
	},
};

async function watchFixtures(): Promise<void> {
	const { plugins, ...options } = bundling;
	const build = await context({
		...options,
		entryPoints: { main: 'test/pty/fixtures/demo.ts' },
		outdir: folder,
		sourcemap: 'linked',
		plugins: [...plugins, showWhenBuilt],
	});
	await build.watch();
}

/** `bin/wattlag` builds what has changed. */
async function watchProgram(): Promise<void> {
	await show('bin/wattlag', []);
	let timer: NodeJS.Timeout | undefined;
	const changed = () => {
		clearTimeout(timer);
		timer = setTimeout(() => void show('bin/wattlag', []), 100);
	};
	await Promise.all(
		['src', 'bpf', 'native'].map(async (path) => {
			for await (const { filename } of watch(path, { recursive: true }))
				if (!filename?.startsWith('generated')) changed();
		}),
	);
}

function end(): void {
	screen?.kill('SIGTERM');
	rmSync(folder, { recursive: true, force: true });
	process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
await (live ? watchProgram() : watchFixtures());
