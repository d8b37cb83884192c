/** The server of `serve` against malicious clients. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { isLoopback, parseListen } from '../../src/export/listen.ts';
import { listen } from '../../src/export/server.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

const LONG = 'x'.repeat(64 * 1024);

async function served(patience?: number) {
	const routes = {
		'/long': () => ({ type: 'text/plain', body: LONG }),
		'/short': () => ({ type: 'text/plain', body: 'ok' }),
	};
	const { address, close } = await listen({ host: '127.0.0.1', port: 0 }, routes, patience);
	ends.push(close);
	return address.port;
}

function open(port: number): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket: Socket = connect(port, '127.0.0.1', () => resolve(socket));
		socket.on('error', reject);
		ends.push(() => socket.destroy());
	});
}

/** The whole answer to one request. */
async function asked(port: number, path: string, ...headers: string[]): Promise<string> {
	const socket = await open(port);
	socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`); // biome-ignore format: one request
	let text = '';
	for await (const bytes of socket) text += (bytes as Buffer).toString('latin1');
	return text;
}

describe('compression', () => {
	test.each([
		['gzip', true],
		['deflate, gzip;q=1.0', true],
		['gzip ; q=0.5', true],
		['gzip;q=0', false],
		['identity, gzip; q=0.000', false],
		['x-gzip', false],
		['*;q=0', false],
	])('Accept-Encoding: %s', async (accepted, zipped) => {
		const text = await asked(await served(), '/long', `Accept-Encoding: ${accepted}`);
		expect(text.includes('Content-Encoding: gzip')).toBe(zipped);
	});
});

test('clients that take nothing of their answers do not keep others out', async () => {
	const port = await served(300);
	const greedy = await Promise.all(
		Array.from({ length: 64 }, async () => {
			const socket = await open(port);
			socket.pause();
			socket.write('GET /long HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(200));
			return socket;
		}),
	);
	expect(greedy.length).toBe(64);
	// refused while all connections are taken: the socket closes without an answer
	await expect.poll(() => asked(port, '/short').catch(() => ''), { timeout: 10_000, interval: 100 }).toContain('ok');
});

test('the loopback address in any spelling', () => {
	for (const host of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])
		expect(isLoopback({ host, port: 1 }), host).toBe(true);
	for (const host of ['0.0.0.0', '10.0.0.1', '::', '::ffff:10.0.0.1', '2001:db8::1'])
		expect(isLoopback({ host, port: 1 }), host).toBe(false);
	expect(isLoopback(parseListen('[0:0:0:0:0:0:0:1]:9724'))).toBe(true);
});
