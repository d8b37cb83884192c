/**
 * C++ and Rust names as they stand in the source. The demanglers are those of the Firefox profiler (cpp_demangle and
 * rustc-demangle), compiled to WebAssembly: names of untrusted binaries are parsed in a sandbox.
 */

/** Longer names are left as they are: demangled, they fill pages. */
const MAX_MANGLED = 1024;
/** Characters kept of a demangled name. */
const MAX_NAME = 512;

const mangled = /^(_Z|__Z|_R|\?)/;

type Demangle = (name: string) => string;
let demangler: Demangle | undefined;
let loading: Promise<void> | undefined;

/** The types of Node leave it out. */
const { WebAssembly } = globalThis as unknown as {
	WebAssembly: {
		instantiate(
			bytes: Uint8Array,
			imports: Record<string, object>,
		): Promise<{ instance: { exports: Record<string, unknown> } }>;
	};
};

async function load(): Promise<void> {
	const [code, { default: bytes }] = await Promise.all([
		import('gecko-profiler-demangle/index_bg.js'),
		import('gecko-profiler-demangle/index_bg.wasm'),
	]);
	// the compiler wants a buffer that nobody shares
	const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes), { './index_bg.js': code });
	code.__wbg_set_wasm(instance.exports);
	(instance.exports['__wbindgen_start'] as () => void)();
	demangler = code.demangle_any;
}

/** Load the demangler, 0.5 MB, once. Never fails: names stay mangled then. */
export function loadDemangler(): Promise<void> {
	loading ??= load().catch(() => {});
	return loading;
}

/** Names are demangled from now on. */
export function canDemangle(): boolean {
	return demangler !== undefined;
}

/** The name as in the source; one that is not mangled, or longer than {@link MAX_MANGLED}, unchanged. */
export function demangle(name: string): string {
	if (!demangler || name.length > MAX_MANGLED || !mangled.test(name)) return shorten(name);
	try {
		const text = demangler(name);
		// what it does not know it returns without the underscore
		return shorten(text === name.slice(1) ? name : text);
	} catch {
		// a trap leaves the module in an unknown state
		demangler = undefined;
		loading = undefined;
		void loadDemangler();
		return shorten(name);
	}
}

function shorten(name: string): string {
	return name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1)}…` : name;
}
