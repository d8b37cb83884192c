/** Areas of a tab's table and pane: side by side on a wide screen, stacked on a narrow one. Pure. */

/** Cells and rows. */
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

/** Cells from which on table and pane are side by side. */
const wide = 150;

/** Rows that a table keeps above or below a pane: two thirds; a third where the user has asked for the pane. */
const usual = { least: 8, share: 0.66 };
const small = { least: 3, share: 0.34 };

/**
 * @param full rows of the whole table
 * @param wanted rows that the pane asks for when stacked
 * @param least rows below which the pane is not worth showing
 * @param paneFirst the user has asked for the pane
 */
export function split(
	width: number,
	height: number,
	full: number,
	wanted: number,
	least: number,
	paneFirst = false,
): Split {
	if (width >= wide && height >= least) {
		const table = Math.floor((width - 2) * 0.58);
		return { direction: 'row', table: { width: table, height }, pane: { width: width - table - 2, height } };
	}
	// A short table leaves its rest to the pane.
	const kept = paneFirst ? small : usual;
	const table = Math.min(full, Math.max(kept.least, Math.ceil(height * kept.share)));
	const pane = full <= table ? height - table : Math.min(wanted, height - table);
	if (pane < least) return { direction: 'column', table: { width, height }, pane: null };
	return { direction: 'column', table: { width, height: height - pane }, pane: { width, height: pane } };
}
