/** A frame from slots. Unchanged rows stay the same objects, so that the diff skips them. */
import { type Cells, drawLine } from './cells.ts';
import type { Size } from './diff.ts';
import type { Slot } from './slots.ts';

/** A line of a slot in a row of the screen. */
interface Part {
	x: number;
	/** Cells. */
	width: number;
	line: string;
}

interface Row {
	parts: readonly Part[];
	cells: Cells;
}

function same(a: readonly Part[], b: readonly Part[]): boolean {
	return (
		a.length === b.length &&
		a.every((part, i) => {
			const other = b[i] as Part;
			return part.x === other.x && part.width === other.width && part.line === other.line;
		})
	);
}

/** Keeps the rows of the frame before, to reuse those that did not change. */
export class Composer {
	private readonly ascii: boolean;
	private rows: Row[] = [];

	constructor(ascii: boolean) {
		this.ascii = ascii;
	}

	/** Slots do not overlap; parts outside of the screen are cut. */
	compose(slots: Iterable<Slot>, size: Size): Cells[] {
		const parts = Array.from({ length: size.rows }, (): Part[] => []);
		for (const { lines, width, position } of slots) {
			const { x, y, height } = position();
			if (x >= size.columns) continue;
			for (let row = 0; row < height && y + row < size.rows; row++) {
				const line = lines[row];
				if (line) parts[y + row]?.push({ x, width: Math.min(width, size.columns - x), line });
			}
		}
		this.rows = parts.map((list, y) => this.row(list, this.rows[y]));
		return this.rows.map((row) => row.cells);
	}

	private row(parts: Part[], before: Row | undefined): Row {
		parts.sort((a, b) => a.x - b.x);
		if (before && same(parts, before.parts)) return before;
		const cells: Cells = { glyphs: [], styles: [] };
		for (const { x, width, line } of parts) drawLine(cells, line, x, width, this.ascii);
		return { parts, cells };
	}
}
