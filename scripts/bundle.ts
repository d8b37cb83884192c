/** Bundles the program for start-up speed: an unbundled start takes twice as long. */
import { globSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

/**
 * meow can check a `package.json`, and makes ready for it whenever it is loaded: 10 ms, half of its code. It is
 * given none to check, so that is left out.
 */
const meowWithoutPackages: Plugin = {
	name: 'meow without package.json',
	setup({ onLoad }) {
		onLoad({ filter: /[\\/]meow[\\/]build[\\/]dependencies\.js$/ }, ({ path }) => {
			const whole = readFileSync(path, 'utf8');
			// a subprocess that it starts for nothing brings Node's modules for them
			const contents = whole
				.replace('normalizeExports = requireNormalize()', 'normalizeExports')
				.replace('promisify(execFile);', '');
			if (contents === whole) throw new Error('meow has changed: is there still something to leave out?');
			return { contents };
		});
	},
};

/** What every program with the screen in it is bundled with. */
export const bundling = {
	outExtension: { '.js': '.mjs' },
	bundle: true,
	splitting: true,
	format: 'esm',
	platform: 'node',
	target: 'node24',
	minifySyntax: true,
	minifyWhitespace: true,
	define: {
		'process.env.NODE_ENV': '"production"',
		// Ink's layout engine would fetch its own bytes, and Node load its HTTP client for it: 28 ms and its memory
		fetch: 'undefined',
		'Intl.Segmenter': 'LazySegmenter',
	},
	inject: ['./scripts/stand-ins/segmenter.ts'],
	alias: {
		// never used in production, but imported by Ink
		'react-devtools-core': './scripts/stand-ins/devtools.ts',
		// blessed-contrib's chart draws off-screen and needs base classes only
		blessed: './scripts/stand-ins/blessed.cjs',
		// term/lifecycle.ts watches signals
		'signal-exit': './scripts/stand-ins/signal-exit.ts',
		'string-width': './scripts/stand-ins/string-width.ts',
	},
	banner: {
		js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
	},
	plugins: [meowWithoutPackages],
	// the demangler, a chunk that profiles load
	loader: { '.wasm': 'binary' },
	logLevel: 'warning',
} as const satisfies BuildOptions;

/** What a release says of itself; the checkout says nothing. */
export interface BuildInfo {
	/** Of git, 40 digits. */
	commit: string;
}

export interface Bundling {
	outdir?: string;
	build?: BuildInfo;
}

const MAIN = 'src/cli.ts';
const WORKER = 'src/worker.ts';

/** Our files that are evaluated with an entry, in the order of their imports. */
function evaluatedWith({ inputs }: Metafile, entry: string): Set<string> {
	const files = new Set([entry]);
	for (const file of files)
		for (const { path, kind } of inputs[file]?.imports ?? [])
			if (kind === 'import-statement' && path.startsWith('src/')) files.add(path);
	return files;
}

/** Our files that other files of the entry's program import dynamically. */
function importedLater({ inputs }: Metafile, entry: string): Set<string> {
	const [files, later] = [new Set([entry]), new Set<string>()];
	for (const file of files)
		for (const { path, kind } of inputs[file]?.imports ?? []) {
			if (!path.startsWith('src/')) continue;
			files.add(path);
			if (kind === 'dynamic-import') later.add(path);
		}
	return later;
}

/**
 * esbuild makes a chunk of the files that the same entries reach, and every dynamic import is an entry: 57 chunks before the
 * first frame, 0.3 ms each. Whatever the main thread alone imports dynamically comes after the files that it starts with,
 * so it is made to import all of them. Only what the sampling thread loads too is then apart.
 */
async function fewerChunks(options: BuildOptions): Promise<Plugin> {
	const { metafile } = await build({ ...options, write: false, sourcemap: false, metafile: true });
	const first = evaluatedWith(metafile, MAIN);
	first.delete(MAIN);
	const shared = importedLater(metafile, WORKER);
	const later = [...importedLater(metafile, MAIN)].filter((file) => !first.has(file) && !shared.has(file));
	const paths = new Set(later.map((file) => resolve(file)));
	const imports = [...first].map((file) => `import ${JSON.stringify(resolve(file))};`).join('\n');
	return {
		name: 'fewer chunks',
		setup({ onLoad, onResolve }) {
			onResolve({ filter: /^first-files$/ }, ({ path }) => ({ path, namespace: 'first' }));
			onLoad({ filter: /.*/, namespace: 'first' }, () => ({ contents: imports, resolveDir: process.cwd() }));
			onLoad({ filter: /[\\/]src[\\/].*\.tsx?$/ }, ({ path }) => {
				if (!paths.has(path)) return undefined;
				const contents = `${readFileSync(path, 'utf8')}\nimport 'first-files';\n`;
				return { contents, loader: path.endsWith('x') ? 'tsx' : 'ts' };
			});
		},
	};
}

/** Bundle into `outdir`, from which everything else is removed. */
export async function bundle({ outdir = 'dist', build: info }: Bundling = {}): Promise<Metafile> {
	const options = {
		...bundling,
		define: { ...bundling.define, ...(info && { WATTLAG_BUILD: JSON.stringify(info) }) },
		entryPoints: { wattlag: MAIN, worker: WORKER },
		outdir,
	} satisfies BuildOptions;
	const { metafile } = await build({
		...options,
		plugins: [...bundling.plugins, await fewerChunks(options)],
		sourcemap: 'linked',
		// names and lines of a release are those of its commit; the text would be 0.8 MB of each artifact
		sourcesContent: info === undefined,
		metafile: true,
	});
	// names of chunks change with what is in them: those of earlier builds would stay for ever
	const built = new Set(Object.keys(metafile.outputs).map((file) => resolve(file)));
	for (const file of globSync(`${outdir}/*`)) if (!built.has(resolve(file))) rmSync(file);
	return metafile;
}
