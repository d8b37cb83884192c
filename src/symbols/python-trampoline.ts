/**
 * Code by which CPython 3.12 calls each function of a script under `-X perf`: a copy of a few instructions for each, named in
 * its perf map. On x86-64 it has no frame pointer and no tables, so a stack would end there. 3.13 has a frame pointer.
 */
import type { UnwindRow } from './eh-frame.ts';
import type { Found } from './table.ts';

/** `sub $8,%rsp; call *%rcx; add $8,%rsp; ret`: 4, 2, 4 and 1 bytes. */
const SIZE = 11;
const [ENLARGED, REDUCED] = [4, 10];
const PREFIX = Buffer.from('py::');
/** Numbers of DWARF. */
const [STACK_POINTER, RETURN_ADDRESS] = [7, 16];

function rowOf(offset: number): UnwindRow {
	return {
		cfa: { register: STACK_POINTER, offset },
		registers: new Map([[RETURN_ADDRESS, { kind: 'saved', offset: -8 }]]),
		returnRegister: RETURN_ADDRESS,
		signal: false,
	};
}

const [outside, inside] = [rowOf(8), rowOf(16)];

/** Rules at an address in code of that name and size; undefined: it is something else. */
export function pythonTrampolineRow({ name, start, size }: Found, address: number): UnwindRow | undefined {
	if (process.arch !== 'x64' || size !== SIZE || !PREFIX.equals(name.subarray(0, PREFIX.length))) return undefined;
	const at = address - start;
	return at >= ENLARGED && at < REDUCED ? inside : outside;
}
