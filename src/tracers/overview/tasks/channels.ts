/** Sockets and pipes that processes have open. */
import type { channel_record as ChannelRecord } from '../../../generated/overview.ts';
import type { Bytes, Count } from '../../../lib/units.ts';

/** An end of a pipe, a socket that is connected or has a name, or an internet socket with a port, in a process. */
export interface Channel {
	pid: number;
	fd: number;
	kind: 'pipe' | 'unix' | 'tcp';
	/** Readable 1, writable 2. */
	mode: number;
	inode: number;
	/** Of a Unix socket: inode of the other end. */
	peer: number;
	/** Of an internet socket: both ends as text, `192.0.2.1:5432`; equal ends of two sockets are a connection. */
	local: string;
	remote: string;
	established: boolean;
	/** Port of this end; 0: not an internet socket. */
	port: number;
	/** It waits for connections. */
	listens: boolean;
	/** Connections that nobody has accepted yet. */
	pending: Count;
	/** A Unix socket with a name: on the side that accepted. */
	named: boolean;
	/** Identities of a Unix socket's name, and of that at which it waits to be accepted; 0: none. */
	name: number;
	awaits: number;
	/** Of TCP: received, and acknowledged by the other end, so far. */
	bytes: Bytes;
	/** Of TCP: segments received and sent, so far, modulo 2^32. */
	packets: Count;
	/** Of an internet socket: received packets that the kernel dropped, so far, modulo 2^32. */
	drops: Count;
}

/** Text of an address; IPv4 within IPv6 as IPv4, so that both ends agree. */
function addressOf(words: Uint32Array, port: number, v6: boolean): string {
	const bytes = new Uint8Array(words.buffer, words.byteOffset, v6 ? 16 : 4);
	const mapped = v6 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
	if (!v6 || mapped) return `${bytes.subarray(mapped ? 12 : 0).join('.')}:${port}`;
	const groups = Array.from({ length: 8 }, (_, index) =>
		(((bytes[index * 2] as number) << 8) | (bytes[index * 2 + 1] as number)).toString(16),
	);
	return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]:${port}`;
}

export function channelOf(record: ChannelRecord): Channel {
	const v6 = record.kind === 4;
	const inet = record.kind >= 3;
	return {
		pid: record.tgid,
		fd: record.fd,
		kind: record.kind === 1 ? 'pipe' : record.kind === 2 ? 'unix' : 'tcp',
		mode: record.mode,
		inode: record.inode,
		peer: record.peer,
		local: inet ? addressOf(record.local, record.local_port, v6) : '',
		remote: inet ? addressOf(record.remote, record.remote_port, v6) : '',
		established: record.socket_state === 1,
		port: inet ? record.local_port : 0,
		listens: record.socket_state === 10,
		pending: record.pending,
		named: record.named !== 0,
		name: record.name,
		awaits: record.awaits,
		bytes: record.bytes,
		packets: record.packets % 2 ** 32,
		drops: record.drops % 2 ** 32,
	};
}
