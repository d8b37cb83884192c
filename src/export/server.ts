/**
 * The HTTP server of `serve`. It answers GET and HEAD from what is in memory, so that no scrape reads a map, and holds what
 * anybody on the network may send within limits.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { gzipSync } from 'node:zlib';
import { UsageError } from '../core/errors.ts';
import { type Address, isLoopback } from './listen.ts';

export interface Reply {
	type: string;
	body: string | Uint8Array;
	headers?: Readonly<Record<string, string>>;
	status?: number;
}

/** By path. A function that returns nothing has taken the response over (a stream of events). */
export type Routes = Readonly<
	Record<string, (request: IncomingMessage, response: ServerResponse) => Reply | undefined>
>;

/** A larger body is refused: no series limit makes one. */
const MOST_BYTES = 4 * 2 ** 20;
/** Below it compression costs more than it saves. */
const LEAST_GZIP = 1024;
const MOST_CONNECTIONS = 64;
/** A client that takes nothing of its answer for so long is let go, ms: others may want its connection. */
const PATIENCE = 15_000;

const security: Readonly<Record<string, string>> = {
	'X-Content-Type-Options': 'nosniff',
	'Referrer-Policy': 'no-referrer',
	'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Is the request for this machine? A page of any site may make a browser ask a name that it lets point here (DNS
 * rebinding); its Host header then has that name.
 */
function isForUs(request: IncomingMessage, address: Address): boolean {
	if (!isLoopback(address)) return true;
	const host = (request.headers.host ?? '')
		.replace(/:\d+$/, '')
		.replace(/^\[(.*)\]$/, '$1')
		.toLowerCase();
	return host === '' || host === 'localhost' || isIP(host) !== 0 || host === hostname().toLowerCase();
}

function text(status: number, body: string): Reply {
	return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

/** A quality of 0 refuses (RFC 9110, 12.5.3). */
function takesGzip(accepted: string): boolean {
	return /(?:^|[\s,])gzip\s*(?=$|[,;])(?!\s*;\s*q=0(?:\.0*)?\s*(?:$|,))/i.test(accepted);
}

function answer(
	request: IncomingMessage,
	response: ServerResponse,
	{ type, body, headers, status = 200 }: Reply,
): void {
	const bytes = typeof body === 'string' ? Buffer.from(body) : body;
	const zipped = bytes.length >= LEAST_GZIP && takesGzip(String(request.headers['accept-encoding'] ?? ''));
	const sent = zipped ? gzipSync(bytes, { level: 1 }) : bytes;
	response.writeHead(status, {
		'Content-Type': type,
		'Content-Length': sent.length,
		Vary: 'Accept, Accept-Encoding',
		...(zipped && { 'Content-Encoding': 'gzip' }),
		...security,
		...headers,
	});
	response.end(request.method === 'HEAD' ? undefined : sent);
}

function handle(routes: Routes, address: Address, request: IncomingMessage, response: ServerResponse): void {
	const { method = '', url = '/' } = request;
	if (method !== 'GET' && method !== 'HEAD') {
		answer(request, response, { ...text(405, 'only GET and HEAD'), headers: { Allow: 'GET, HEAD' } });
		return;
	}
	if (!isForUs(request, address)) {
		answer(request, response, text(421, 'this server does not answer for that host name'));
		return;
	}
	const route = Object.hasOwn(routes, url.split('?')[0] as string) ? routes[url.split('?')[0] as string] : undefined;
	if (!route) {
		answer(request, response, text(404, `not here; there are ${Object.keys(routes).join(', ')}`));
		return;
	}
	const reply = route(request, response);
	if (reply === undefined) return;
	answer(request, response, reply.body.length > MOST_BYTES ? text(500, 'too large') : reply);
}

const reasons: Readonly<Record<string, string>> = {
	EADDRINUSE: 'in use by another program; choose another port',
	EACCES: 'not allowed for this user',
	EADDRNOTAVAIL: 'not an address of this machine',
};

export interface Listening {
	/** The port that was taken, where 0 was asked for. */
	address: Address;
	close(): Promise<void>;
}

/**
 * @param patience ms
 * @throws {UsageError} where the address cannot be bound
 */
export async function listen(address: Address, routes: Routes, patience = PATIENCE): Promise<Listening> {
	const server: Server = createServer({ headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 30_000 });
	server.maxConnections = MOST_CONNECTIONS;
	server.setTimeout(patience);
	server.on('request', (request, response) => {
		response.on('error', () => {});
		try {
			handle(routes, address, request, response);
		} catch {
			if (!response.headersSent) answer(request, response, text(500, 'failed'));
			else response.destroy();
		}
	});
	server.on('clientError', (_error, socket) => socket.destroy());
	await new Promise<void>((resolve, reject) => {
		server.once('error', (error: NodeJS.ErrnoException) => {
			const why = reasons[error.code ?? ''] ?? error.message;
			reject(new UsageError(`--listen ${address.host}:${address.port}: ${why}`));
		});
		server.listen(address.port, address.host, resolve);
	});
	const bound = server.address();
	const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
	return {
		address: { ...address, port },
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
