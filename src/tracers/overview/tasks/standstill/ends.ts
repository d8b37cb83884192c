/** Pipes and sockets that processes have open, and who is at the other end. */
import type { Channel } from '../channels.ts';

/** Positions in a list by a number: a list for each would cost more than reading them. */
class Index {
	private readonly list: readonly Channel[];
	private readonly first = new Map<number, number>();
	private readonly next: Int32Array;

	/** @param keyOf −1: in no list */
	constructor(list: readonly Channel[], keyOf: (channel: Channel) => number) {
		this.list = list;
		this.next = new Int32Array(list.length);
		for (let at = list.length - 1; at >= 0; at--) {
			const key = keyOf(list[at] as Channel);
			if (key < 0) continue;
			this.next[at] = this.first.get(key) ?? -1;
			this.first.set(key, at);
		}
	}

	/** In their order. */
	of(key: number): Channel[] {
		const found: Channel[] = [];
		for (let at = this.first.get(key) ?? -1; at >= 0; at = this.next[at] as number)
			found.push(this.list[at] as Channel);
		return found;
	}
}

/** Of a connection, seen from one end. */
const connection = (port: number, remotePort: number): number => port * 65_536 + remotePort;

/** All ends of channels at one moment. */
export class Ends {
	private readonly channels: readonly Channel[];
	private readonly processes: Index;
	/** Made when they are asked for: most walks find no suspect that is a server. */
	private inodesKept: Index | undefined;
	private connectionsKept: Index | undefined;
	private readonly ports = new Map<number, Channel>();
	private readonly listening = new Set<number>();
	/** Unix sockets that wait for connections, by their names, and those that wait there to be accepted. */
	private readonly names = new Map<number, Channel>();
	private readonly waiting: Channel[] = [];

	constructor(channels: readonly Channel[]) {
		this.channels = channels;
		this.processes = new Index(channels, ({ pid }) => pid);
		for (const channel of channels) {
			const { kind } = channel;
			if (kind === 'unix') {
				if (channel.listens) this.names.set(channel.name, channel);
				if (channel.awaits > 0) this.waiting.push(channel);
			} else if (kind === 'tcp' && !channel.established) {
				this.ports.set(channel.port, channel);
				if (channel.listens) this.listening.add(channel.port);
			}
		}
	}

	private get inodes(): Index {
		this.inodesKept ??= new Index(this.channels, ({ inode }) => inode);
		return this.inodesKept;
	}

	private get connections(): Index {
		this.connectionsKept ??= new Index(this.channels, ({ kind, established, port, remotePort }) =>
			kind === 'tcp' && established ? connection(port, remotePort) : -1,
		);
		return this.connectionsKept;
	}

	/** Those of a process. */
	of(pid: number): readonly Channel[] {
		return this.processes.of(pid);
	}

	/** Is this end that of a server? */
	serves({ kind, named, peer, established, port }: Channel): boolean {
		return kind === 'unix' ? named && peer > 0 : kind === 'tcp' && established && this.listening.has(port);
	}

	/** Processes that have the same end. */
	sharers({ inode, pid }: Channel): number[] {
		return this.inodes.of(inode).flatMap((one) => (one.pid === pid ? [] : [one.pid]));
	}

	/** Processes whose connections wait to be accepted at this socket. */
	waitingAt({ kind, name, port }: Channel): number[] {
		if (kind === 'unix') return this.waiting.flatMap(({ awaits, pid }) => (awaits === name ? [pid] : []));
		return this.channels.flatMap((one) =>
			one.kind === 'tcp' && one.established && one.remotePort === port && this.isOnlyEnd(one) ? [one.pid] : [],
		);
	}

	/** A connection to this machine whose other end is in no process: nobody has accepted it. */
	private isOnlyEnd(channel: Channel): boolean {
		return isOwn(channel.local, channel.remote) && !this.otherEnd(channel);
	}

	private otherEnd({ local, remote, port, remotePort }: Channel): Channel | undefined {
		return this.connections
			.of(connection(remotePort, port))
			.find((one) => one.local === remote && one.remote === local);
	}

	/** Processes at the other end; none: on another machine, or not known. */
	others(channel: Channel): number[] {
		const { kind, inode, peer, mode } = channel;
		switch (kind) {
			case 'pipe':
				return this.inodes
					.of(inode)
					.flatMap((one) => (one.pid !== channel.pid && (one.mode & ~mode) !== 0 ? [one.pid] : []));
			case 'unix': {
				const server = peer > 0 ? undefined : this.names.get(channel.awaits);
				return this.inodes.of(server?.inode ?? peer).map(({ pid }) => pid);
			}
			case 'tcp': {
				const found =
					this.otherEnd(channel) ??
					(isOwn(channel.local, channel.remote) ? this.ports.get(channel.remotePort) : undefined);
				return found ? [found.pid] : [];
			}
		}
	}
}

export function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
	const list = map.get(key);
	if (list) list.push(value);
	else map.set(key, [value]);
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));
/** Both ends on this machine. */
const isOwn = (local: string, remote: string): boolean =>
	remote !== '' && (hostOf(local) === hostOf(remote) || /^(127\.|\[::1\])/.test(remote));
