/** A frame as text, without styles. */
export function plain(frame: string | undefined): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
	return (frame ?? '').replace(/\x1b\[[0-9;]*m/g, '');
}

/** Let React and the keys' timer do their work. */
export function settle(ms = 20): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
