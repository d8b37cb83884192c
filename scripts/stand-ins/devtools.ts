/** Stands in for `react-devtools-core` in the bundle: Ink imports it, and uses it only with DEV=true. */
export default {
	initialize(): void {},
	connectToDevTools(): void {},
};
