/** Pipes and sockets that processes have open, and who is at the other end. */
import type { Channel } from '../channels.ts';

/** All ends of channels at one moment. */
export class Ends {
	private readonly processes = new Map<number, Channel[]>();
	private readonly inodes = new Map<number, Channel[]>();
	private readonly addresses = new Map<string, Channel>();
	private readonly ports = new Map<number, Channel>();
	private readonly listening = new Set<number>();
	/** Unix sockets that wait for connections, by their names, and those that wait there to be accepted. */
	private readonly names = new Map<number, Channel>();
	private readonly waiting = new Map<number, Channel[]>();

	constructor(channels: readonly Channel[]) {
		for (const channel of channels) {
			push(this.processes, channel.pid, channel);
			push(this.inodes, channel.inode, channel);
			if (channel.kind === 'unix') {
				if (channel.listens) this.names.set(channel.name, channel);
				if (channel.awaits > 0) push(this.waiting, channel.awaits, channel);
			}
			if (channel.kind !== 'tcp') continue;
			if (channel.listens) this.listening.add(channel.port);
			if (channel.established) this.addresses.set(`${channel.local} ${channel.remote}`, channel);
			else this.ports.set(channel.port, channel);
		}
	}

	/** Those of a process. */
	of(pid: number): readonly Channel[] {
		return this.processes.get(pid) ?? [];
	}

	/** Is this end that of a server? */
	serves({ kind, named, peer, established, port }: Channel): boolean {
		return kind === 'unix' ? named && peer > 0 : kind === 'tcp' && established && this.listening.has(port);
	}

	/** Processes that have the same end. */
	sharers({ inode, pid }: Channel): number[] {
		return (this.inodes.get(inode) ?? []).flatMap((one) => (one.pid === pid ? [] : [one.pid]));
	}

	/** Processes whose connections wait to be accepted at this socket. */
	waitingAt({ kind, name, port }: Channel): number[] {
		if (kind === 'unix') return (this.waiting.get(name) ?? []).map(({ pid }) => pid);
		return [...this.addresses.values()].flatMap(({ local, remote, pid }) =>
			portOf(remote) === port && isOwn(local, remote) && !this.addresses.has(`${remote} ${local}`) ? [pid] : [],
		);
	}

	/** Processes at the other end; none: on another machine, or not known. */
	others(channel: Channel): number[] {
		const { kind, inode, peer, mode, local, remote } = channel;
		switch (kind) {
			case 'pipe':
				return (this.inodes.get(inode) ?? []).flatMap((one) =>
					one.pid !== channel.pid && (one.mode & ~mode) !== 0 ? [one.pid] : [],
				);
			case 'unix': {
				const server = peer > 0 ? undefined : this.names.get(channel.awaits);
				return (this.inodes.get(server?.inode ?? peer) ?? []).map(({ pid }) => pid);
			}
			case 'tcp': {
				const found =
					this.addresses.get(`${remote} ${local}`) ??
					(isOwn(local, remote) ? this.ports.get(portOf(remote)) : undefined);
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

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));
/** Both ends on this machine. */
const isOwn = (local: string, remote: string): boolean =>
	remote !== '' && (hostOf(local) === hostOf(remote) || /^(127\.|\[::1\])/.test(remote));
