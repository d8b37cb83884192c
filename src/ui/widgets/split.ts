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

/** What a table keeps beside a pane below it: two thirds of the rows; a third where the user has asked for the pane. */
const usual = { least: 8, share: 0.66 };
const small = { least: 3, share: 0.34 };

/**
 * @param full rows that the whole table takes
 * @param wanted rows that the pane would like when below each other
 * @param least rows below which the pane is not worth having
 * @param paneFirst the pane is what the user wants to see
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
	// Rows are what the screen is for; a short table leaves its rest to the pane.
	const kept = paneFirst ? small : usual;
	const table = Math.min(full, Math.max(kept.least, Math.ceil(height * kept.share)));
	const pane = full <= table ? height - table : Math.min(wanted, height - table);
	if (pane < least) return { direction: 'column', table: { width, height }, pane: null };
	return { direction: 'column', table: { width, height: height - pane }, pane: { width, height: pane } };
}
