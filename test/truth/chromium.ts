/** A real Chromium without a screen, driven by its own protocol. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Browser {
	/** One command of the page's session. */
	send(method: string, params?: object): Promise<Record<string, unknown>>;
	/** Value of an expression in the page. */
	evaluate(expression: string): Promise<unknown>;
	/** Opens it and waits for it to load. */
	open(url: string): Promise<void>;
	/** What the page, its policy or the network complained about. */
	complaints: string[];
	close(): void;
}

interface Message {
	id?: number;
	method?: string;
	params?: Record<string, unknown>;
	result?: Record<string, unknown>;
	error?: { message: string };
	sessionId?: string;
}

/** @throws after 30 s without an answer */
export async function startChromium(width = 1000, height = 800): Promise<Browser> {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-chromium-'));
	const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${folder}`, `--window-size=${width},${height}`, 'about:blank']; // biome-ignore format: a list
	const child = spawn('chromium', flags, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
	const end = () => {
		try {
			// with its helpers, which are its process group
			process.kill(-(child.pid as number), 'SIGKILL');
		} catch {
			// it has ended
		}
		rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
	};
	const address = await new Promise<string>((resolve, reject) => {
		let said = '';
		const timer = setTimeout(() => reject(new Error(`chromium did not start: ${said}`)), 30_000);
		child.stderr.on('data', (bytes: Buffer) => {
			said += bytes.toString();
			const found = /DevTools listening on (\S+)/.exec(said)?.[1];
			if (found === undefined) return;
			clearTimeout(timer);
			resolve(found);
		});
	}).catch((error: Error) => {
		end();
		throw error;
	});
	const socket = new WebSocket(address);
	await new Promise((resolve, reject) => {
		socket.addEventListener('open', resolve);
		socket.addEventListener('error', reject);
	});
	const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
	const complaints: string[] = [];
	let loaded = () => {};
	let next = 1;
	socket.addEventListener('message', ({ data }) => {
		const { id, method, params = {}, result, error } = JSON.parse(String(data)) as Message;
		if (id !== undefined) {
			const one = waiting.get(id);
			waiting.delete(id);
			if (error) one?.reject(new Error(error.message));
			else one?.resolve(result ?? {});
		}
		if (method === 'Page.loadEventFired') loaded();
		if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded' || method === 'Runtime.consoleAPICalled')
			complaints.push(JSON.stringify(params));
	});
	const call = (method: string, params: object, sessionId?: string) =>
		new Promise<Record<string, unknown>>((resolve, reject) => {
			const id = next++;
			waiting.set(id, { resolve, reject });
			socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
		});
	const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
	const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
	const send = (method: string, params: object = {}) => call(method, params, sessionId as string);
	for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
	return {
		send,
		complaints,
		async evaluate(expression) {
			const { result } = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
			return (result as { value?: unknown } | undefined)?.value;
		},
		async open(url) {
			const done = new Promise<void>((resolve) => {
				loaded = resolve;
			});
			await send('Page.navigate', { url });
			await done;
		},
		close() {
			socket.close();
			end();
		},
	};
}
