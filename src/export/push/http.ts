/** One POST or PUT to a server: TLS verified, no redirect followed, time and answer limited. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { gzipSync } from 'node:zlib';
import { UsageError } from '../../core/errors.ts';

export interface Connection {
	/** ms */
	timeout: number;
	/** PEM. CAs beside those that Node knows are not trusted where one is given. */
	ca?: Buffer | undefined;
	cert?: Buffer | undefined;
	key?: Buffer | undefined;
	gzip: boolean;
}

export interface Answer {
	status: number;
	/** Header `Retry-After` in ms; undefined: none. */
	retryAfter: number | undefined;
	body: Buffer;
}

/** Of an answer's body; more is not read. */
const MOST_BODY = 8 * 2 ** 20;
/** A server may ask for days: it is tried again after an hour at most. */
const LONGEST_WAIT = 3_600_000;

/** Seconds, or a date. */
export function retryAfterMs(text: string | undefined, now = Date.now()): number | undefined {
	if (text === undefined) return undefined;
	const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
	return Number.isFinite(ms) ? Math.min(LONGEST_WAIT, Math.max(0, ms)) : undefined;
}

/**
 * The URL of an option.
 * @throws {UsageError} for what is no HTTP URL, and for one with a password, which every user sees in the list of processes
 */
export function parseUrl(option: string, text: string, instead: string): URL {
	let url: URL;
	try {
		url = new URL(text);
	} catch {
		throw new UsageError(`--${option} ${text}: not a URL; write e.g. https://host:4318`);
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:')
		throw new UsageError(`--${option} ${text}: only http and https`);
	if (url.username !== '' || url.password !== '')
		throw new UsageError(`--${option}: a password on the command line is visible to all users; use ${instead}`);
	return url;
}

export class Client {
	private readonly connection: Connection;
	private readonly http = new HttpAgent({ keepAlive: true, maxSockets: 2 });
	private readonly https: HttpsAgent;

	constructor(connection: Connection) {
		this.connection = connection;
		const { ca, cert, key } = connection;
		this.https = new HttpsAgent({ keepAlive: true, maxSockets: 2, ca, cert, key, rejectUnauthorized: true });
	}

	/** Rejects where there is no whole answer. */
	async send(
		method: 'POST' | 'PUT',
		url: URL,
		headers: Readonly<Record<string, string>>,
		body: Uint8Array | string,
		signal?: AbortSignal,
	): Promise<Answer> {
		try {
			return await this.once(method, url, headers, body, signal);
		} catch (error) {
			// a server may close an idle connection just when it is used again: it has not seen the request
			if (!(error as { reused?: boolean }).reused) throw error;
			return this.once(method, url, headers, body, signal);
		}
	}

	private once(
		method: 'POST' | 'PUT',
		url: URL,
		headers: Readonly<Record<string, string>>,
		body: Uint8Array | string,
		signal?: AbortSignal,
	): Promise<Answer> {
		const { timeout, gzip } = this.connection;
		const bytes = gzip ? gzipSync(body) : Buffer.from(body);
		const secure = url.protocol === 'https:';
		return new Promise((resolve, reject) => {
			const request = (secure ? httpsRequest : httpRequest)(url, {
				method,
				agent: secure ? this.https : this.http,
				signal: signal ? AbortSignal.any([signal, AbortSignal.timeout(timeout)]) : AbortSignal.timeout(timeout),
				headers: { ...headers, 'Content-Length': bytes.length, ...(gzip && { 'Content-Encoding': 'gzip' }) },
			});
			request.on('error', (error: NodeJS.ErrnoException & { reused?: boolean }) => {
				if (error.code === 'ECONNRESET' && request.reusedSocket) error.reused = true;
				reject(
					error.name === 'AbortError' || error.name === 'TimeoutError'
						? new Error(`no answer in ${timeout / 1000} s`)
						: error,
				);
			});
			request.on('response', (response) => {
				const parts: Buffer[] = [];
				let length = 0;
				response.on('data', (part: Buffer) => {
					length += part.length;
					if (length > MOST_BODY) request.destroy(new Error('the answer is too long'));
					else parts.push(part);
				});
				response.on('error', reject);
				response.on('close', () => {
					if (!response.complete) reject(new Error('the answer broke off'));
				});
				response.on('end', () =>
					resolve({
						status: response.statusCode ?? 0,
						retryAfter: retryAfterMs(response.headers['retry-after']),
						body: Buffer.concat(parts),
					}),
				);
			});
			request.end(bytes);
		});
	}

	close(): void {
		this.http.destroy();
		this.https.destroy();
	}
}

const codes: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'nothing listens there',
	ENOTFOUND: 'no such host name',
	EAI_AGAIN: 'the host name cannot be resolved now',
	ECONNRESET: 'the server closed the connection',
	EHOSTUNREACH: 'the host cannot be reached',
	ENETUNREACH: 'the network cannot be reached',
	DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name it with --ca FILE',
	SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority; name that with --ca FILE',
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown authority; name that with --ca FILE',
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown authority; name that with --ca FILE',
	CERT_HAS_EXPIRED: 'its certificate has expired',
	ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
	EPROTO: 'it does not speak TLS there',
};

/** A failure in words. */
export function reasonOf(error: unknown): string {
	const { code = '', message } = error as NodeJS.ErrnoException;
	// Node's parser of HTTP
	if (code.startsWith('HPE_')) return 'it does not speak HTTP there';
	return codes[code] ?? message;
}

/** A status in words; undefined: success. */
export function statusReason(status: number): string | undefined {
	if (status >= 200 && status < 300) return undefined;
	const known: Readonly<Record<number, string>> = {
		401: 'wrong or missing credentials',
		403: 'these credentials have no right to write there',
		404: 'no such path',
		413: 'the batch is too large for it',
		429: 'it is overloaded',
		503: 'it is not available',
	};
	if (status >= 300 && status < 400) return `it redirects (status ${status}), which is not followed`;
	return `status ${status}${known[status] ? `: ${known[status]}` : ''}`;
}
