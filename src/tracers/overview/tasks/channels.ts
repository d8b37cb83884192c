/** Sockets and pipes that processes have open. */
import { channel_kind, channel_record, socket_state } from '../../../generated/overview.ts';
import { u64 } from '../../../lib/decode.ts';
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
	/** Ports of both ends; 0: not an internet socket, not connected. */
	port: number;
	remotePort: number;
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

const member = channel_record.at;

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

/** Reads a record when a member is asked for: of a hundred thousand open files few are. */
class Recorded implements Channel {
	private readonly view: DataView;
	private readonly from: number;

	constructor(view: DataView, from: number) {
		this.view = view;
		this.from = from;
	}

	private word(at: number): number {
		return this.view.getUint32(this.from + at, true);
	}

	private long(at: number): number {
		return u64(this.view, this.from + at);
	}

	private address(at: number, port: number): string {
		if (this.word(member.kind) < channel_kind.CHANNEL_INET) return '';
		const v6 = this.word(member.kind) === channel_kind.CHANNEL_INET6;
		return addressOf(
			Uint32Array.from([0, 4, 8, 12], (byte) => this.word(at + byte)),
			port,
			v6,
		);
	}

	get pid(): number {
		return this.word(member.tgid);
	}

	get fd(): number {
		return this.word(member.fd);
	}

	get kind(): Channel['kind'] {
		const kind = this.word(member.kind);
		return kind === channel_kind.CHANNEL_PIPE ? 'pipe' : kind === channel_kind.CHANNEL_UNIX ? 'unix' : 'tcp';
	}

	get mode(): number {
		return this.word(member.mode);
	}

	get inode(): number {
		return this.long(member.inode);
	}

	get peer(): number {
		return this.long(member.peer);
	}

	get local(): string {
		return this.address(member.local, this.port);
	}

	get remote(): string {
		return this.address(member.remote, this.remotePort);
	}

	get established(): boolean {
		return this.word(member.socket_state) === socket_state.ESTABLISHED;
	}

	get port(): number {
		return this.word(member.local_port);
	}

	get remotePort(): number {
		return this.word(member.remote_port);
	}

	get listens(): boolean {
		return this.word(member.socket_state) === socket_state.LISTEN;
	}

	get pending(): Count {
		return this.long(member.pending);
	}

	get named(): boolean {
		return this.word(member.named) !== 0;
	}

	get name(): number {
		return this.long(member.name);
	}

	get awaits(): number {
		return this.long(member.awaits);
	}

	get bytes(): Bytes {
		return this.long(member.bytes);
	}

	get packets(): Count {
		return this.word(member.packets);
	}

	get drops(): Count {
		return this.word(member.drops);
	}
}

/** All of an iterator's records. @param view is copied */
export function channelsOf(view: DataView): Channel[] {
	const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
	const copy = new DataView(bytes.buffer);
	const found: Channel[] = [];
	for (let at = 0; at + channel_record.size <= copy.byteLength; at += channel_record.size)
		found.push(new Recorded(copy, at));
	return found;
}
