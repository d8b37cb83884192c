/**
 * Where lines of a widget go on the screen. Ink lays the widget out and draws one marker character per row; the frame
 * writer puts the row's cells in its place. So Ink computes a frame only when the layout changes: measuring and
 * composing 10,000 styled characters again for every refresh is what a frame costs there.
 *
 * Markers are private-use characters, which the sanitiser never lets through: no foreign text can be one.
 */
import { createContext } from 'react';

const first = 0xf0000;
const rowsPerSlot = 512;
const slots = 127;

export const markers = /[\u{f0000}-\u{ffffd}]/u;

export interface Slot {
	lines: readonly string[];
	/** Cells. */
	width: number;
}

export class Slots {
	private readonly byId = new Map<number, Slot>();
	private readonly onChange: () => void;
	private next = -1;

	constructor(onChange: () => void) {
		this.onChange = onChange;
	}

	/** An id not in use. One whose widget never came to the screen (its render failed) is given out again later. */
	allocate(): number {
		for (let tried = 0; tried < slots; tried++) {
			this.next = (this.next + 1) % slots;
			if (!this.byId.has(this.next)) return this.next;
		}
		throw new Error('too many widgets on one screen');
	}

	set(id: number, slot: Slot): void {
		this.byId.set(id, slot);
		this.onChange();
	}

	release(id: number): void {
		this.byId.delete(id);
	}

	/** The line that a marker stands for. */
	at(marker: string): { line: string; width: number } | undefined {
		const index = (marker.codePointAt(0) as number) - first;
		const slot = this.byId.get(Math.floor(index / rowsPerSlot));
		return slot && { line: slot.lines[index % rowsPerSlot] ?? '', width: slot.width };
	}
}

/** What Ink draws for a widget of `height` rows. */
export function markerText(id: number, height: number): string {
	return Array.from({ length: Math.min(height, rowsPerSlot) }, (_, row) =>
		String.fromCodePoint(first + id * rowsPerSlot + row),
	).join('\n');
}

/** Absent: lines are drawn by Ink itself (tests, `renderToString`). */
export const SlotsContext = createContext<Slots | null>(null);
