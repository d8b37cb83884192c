/** How many rows go to what stands around a tab. */

export interface Chrome {
	header: number;
	banner: number;
	body: number;
	footer: number;
}

/**
 * Chrome goes first when rows are few: a table without hints is more use than hints without a table.
 * @param failed there is a failure to be told of
 */
export function chromeOf(height: number, failed: boolean): Chrome {
	const header = height >= 16 ? 2 : height >= 4 ? 1 : 0;
	const footer = height >= 14 ? 2 : height >= 6 ? 1 : 0;
	const banner = failed && height >= 8 ? 1 : 0;
	return { header, banner, body: height - header - banner - footer, footer };
}
