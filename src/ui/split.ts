/** Where a tab's parts go: beside each other on a wide screen, below each other on a narrow one. */

export interface Area {
	width: number;
	height: number;
}

export interface Split {
	direction: 'row' | 'column';
	table: Area;
	/** null: no room. */
	pane: Area | null;
}

const wide = 150;

/**
 * @param full rows that the whole table takes
 * @param wanted rows that the pane would like when below each other
 * @param least rows below which the pane is not worth having
 */
export function split(width: number, height: number, full: number, wanted: number, least: number): Split {
	if (width >= wide && height >= least) {
		const table = Math.floor((width - 2) * 0.58);
		return { direction: 'row', table: { width: table, height }, pane: { width: width - table - 2, height } };
	}
	// Rows are what the screen is for: a long table keeps two thirds; a short one leaves its rest to the pane.
	const table = Math.min(full, Math.max(8, Math.ceil(height * 0.66)));
	const pane = full <= table ? height - table : Math.min(wanted, height - table);
	if (pane < least) return { direction: 'column', table: { width, height }, pane: null };
	return { direction: 'column', table: { width, height: height - pane }, pane: { width, height: pane } };
}
