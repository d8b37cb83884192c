/** Addresses of debuginfod servers, as the user names them. */

/** Word that stands for the servers of the environment variable, which is used only so. */
const FROM_ENVIRONMENT = 'env';

/** Encrypted, or to this machine; without a password, which requests cannot have. */
export function isAllowed({ protocol, hostname, username, password }: URL): boolean {
	const local = /^(127(\.\d+){3}|localhost|\[::1\])$/.test(hostname);
	return (protocol === 'https:' || (protocol === 'http:' && local)) && username === '' && password === '';
}

/** One or several addresses, divided by blanks, or `env` for those of DEBUGINFOD_URLS. A string says what is wrong. */
export function debuginfodUrls(text: string, environment: NodeJS.ProcessEnv = process.env): URL[] | string {
	const fromEnvironment = text === FROM_ENVIRONMENT;
	const words = (fromEnvironment ? (environment['DEBUGINFOD_URLS'] ?? '') : text).split(/\s+/);
	const from = fromEnvironment ? 'of DEBUGINFOD_URLS, ' : '';
	const urls: URL[] = [];
	for (const word of words.filter((one) => one !== '')) {
		const url = URL.parse(word);
		if (!url || !isAllowed(url)) return `${from}'${word.slice(0, 200)}' is not an https:// address`;
		if (!url.pathname.endsWith('/')) url.pathname += '/';
		urls.push(url);
	}
	if (urls.length === 0) return fromEnvironment ? 'DEBUGINFOD_URLS names no server' : 'no server is named';
	return urls;
}

/** What is wrong with them; undefined: nothing. */
export function invalidServers(text: string): string | undefined {
	const urls = debuginfodUrls(text);
	return typeof urls === 'string' ? urls : undefined;
}
