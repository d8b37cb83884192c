/** Replaces `react-devtools-core` in the bundle: Ink imports it, but uses it only with DEV=true. */
export default {
	initialize(): void {},
	connectToDevTools(): void {},
};
