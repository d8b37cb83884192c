/** WebAssembly as bytes: esbuild's `binary` loader, and the same in the tests. */
declare module '*.wasm' {
	const bytes: Uint8Array;
	export default bytes;
}

declare module 'gecko-profiler-demangle/index_bg.js' {
	export function __wbg_set_wasm(exports: Record<string, unknown>): void;
	export function demangle_any(name: string): string;
}
