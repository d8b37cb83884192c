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
	},
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

/** Bundle into `outdir`, from which everything else is removed. */
export async function bundle({ outdir = 'dist', build: info }: Bundling = {}): Promise<Metafile> {
	const { metafile } = await build({
		...bundling,
		define: { ...bundling.define, ...(info && { WATTLAG_BUILD: JSON.stringify(info) }) },
		entryPoints: { wattlag: 'src/cli.ts', worker: 'src/worker.ts' },
		outdir,
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
