/**
 * The contents of the screen: rows of text of a few widgets, each at the position from Ink's layout. Ink does not get the
 * text: measuring and composing 10,000 styled characters for every refresh is most of the cost of its frames.
 */

/** Cells and rows from the upper left corner. */
export interface Position {
	x: number;
	y: number;
	/** Rows in sight. */
	height: number;
}

/** Lines of one widget and its position. */
export interface Slot {
	/** Text with SGR, no other control; cut at `width`. */
	lines: readonly string[];
	/** Cells. */
	width: number;
	/** Read for every frame: a widget moves when its neighbours change. */
	position(): Position;
}

/** The widgets that are shown; `onChange` is called for each change. */
export class Slots {
	private readonly shown = new Map<object, Slot>();
	private readonly onChange: () => void;

	constructor(onChange: () => void) {
		this.onChange = onChange;
	}

	/** @param widget an object that identifies the widget while it is shown */
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
