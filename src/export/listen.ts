/** `ADDR:PORT` of a server. */
import { BlockList, isIP } from 'node:net';
import { UsageError } from '../core/errors.ts';

export interface Address {
	host: string;
	port: number;
}

export const DEFAULT_LISTEN = '127.0.0.1:9724';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** @throws {UsageError} */
export function parseListen(text: string): Address {
	const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
	const host = bracketed ?? plain ?? '';
	const number = Number(port);
	if (port === undefined || number > 65_535)
		throw new UsageError(`--listen ${text}: write ADDR:PORT, e.g. ${DEFAULT_LISTEN}`);
	if (isIP(host) === 0)
		throw new UsageError(
			`--listen ${text}: '${host}' is no IP address; all addresses: 0.0.0.0:${number} or [::]:${number}`,
		);
	return { host, port: number };
}

export function isLoopback({ host }: Address): boolean {
	// one address has several spellings: ::1, 0:0:0:0:0:0:0:1, ::ffff:127.0.0.1
	return LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

export function urlOf({ host, port }: Address): string {
	return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
