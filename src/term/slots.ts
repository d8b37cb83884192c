/**
 * What stands on the screen: rows of text of a few widgets, each in a place that Ink's layout gives it. Ink never sees
 * the text: measuring and composing 10,000 styled characters again for every refresh is what a frame costs there.
 */

/** Cells and rows from the upper left corner. */
export interface Place {
	x: number;
	y: number;
	/** Rows in sight. */
	height: number;
}

export interface Slot {
	/** Text with SGR, no other control; cut at `width`. */
	lines: readonly string[];
	/** Cells. */
	width: number;
	/** Asked for every frame: a widget moves when its neighbours change. */
	place(): Place;
}

export class Slots {
	private readonly shown = new Map<object, Slot>();
	private readonly onChange: () => void;

	constructor(onChange: () => void) {
		this.onChange = onChange;
	}

	/** `widget` is any object that stands for the widget as long as it is shown. */
	set(widget: object, slot: Slot): void {
		this.shown.set(widget, slot);
		this.onChange();
	}

	release(widget: object): void {
		this.shown.delete(widget);
		this.onChange();
	}

	[Symbol.iterator](): Iterator<Slot> {
		return this.shown.values();
	}
}
