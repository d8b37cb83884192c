/**
 * Decompresses xz, for the compressed symbol tables of Fedora's programs (`.gnu_debugdata`). The decoder is xz-embedded, compiled to
 * WebAssembly: data of untrusted files is parsed in a sandbox. Loaded where a file has such a table, and not before.
 */
import { ElfError } from './elf.ts';

/** At most `limit` bytes. Rejects with an {@link ElfError} where the data is damaged, not xz, or expands to more. */
export async function decompressXz(data: Uint8Array, limit: number): Promise<Uint8Array> {
	const { XzReadableStream } = await import('xz-decompress');
	const source = new ReadableStream<Uint8Array>({
		start(controller) {
			controller.enqueue(data);
			controller.close();
		},
	});
	const parts: Uint8Array[] = [];
	let length = 0;
	const reader = new XzReadableStream(source).getReader();
	try {
		for (let next = await reader.read(); !next.done; next = await reader.read()) {
			length += next.value.length;
			if (length > limit) throw new ElfError('compressed data expands to more than is read');
			parts.push(next.value);
		}
	} catch (error) {
		throw error instanceof ElfError ? error : new ElfError(`compressed data is damaged: ${(error as Error).message}`);
	} finally {
		await reader.cancel().catch(() => {});
	}
	return Buffer.concat(parts, length);
}
