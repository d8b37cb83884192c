/** FIXTURE: a server that takes only what its specification allows, and misbehaves on request. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import { gunzipSync } from 'node:zlib';

export interface Received {
	method: string;
	path: string;
	headers: IncomingMessage['headers'];
	body: Buffer;
}

/** What to do with one request; `hang`: no answer; `cut`: half an answer; `reset`: the connection is closed. */
export type Behaviour = 'hang' | 'cut' | 'reset' | { status: number; headers?: Record<string, string>; body?: string };

export interface StrictServer {
	url: string;
	received: Received[];
	close(): Promise<void>;
}

/** @param behave decides with the number of requests so far */
export async function strictServer(
	behave: (request: Received, index: number) => Behaviour,
	tls?: { key: string; cert: string },
): Promise<StrictServer> {
	const received: Received[] = [];
	const take = (request: IncomingMessage, response: ServerResponse) => {
		const parts: Buffer[] = [];
		request.on('data', (part: Buffer) => parts.push(part));
		request.on('end', () => {
			const raw = Buffer.concat(parts);
			const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
			const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
			received.push(one);
			const what = behave(one, received.length - 1);
			if (what === 'hang') return;
			if (what === 'reset') {
				request.socket.destroy();
				return;
			}
			if (what === 'cut') {
				response.writeHead(200, { 'Content-Length': 100 });
				response.write('{');
				setTimeout(() => request.socket.destroy(), 10);
				return;
			}
			response.writeHead(what.status, { 'Content-Type': 'application/json', ...what.headers });
			response.end(what.body ?? '');
		});
	};
	const server: Server = tls ? (createTls(tls, take) as unknown as Server) : createServer(take);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	const port = typeof address === 'object' && address ? address.port : 0;
	return {
		url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
		received,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
