/** Network devices by polling: state of the link, changes of its carrier, bonding, and drops by layer. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readKept } from '../../lib/kept-files.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count } from '../../lib/units.ts';
import type { EventKind, LinkState } from './snapshot.ts';

/** A change between two reads. */
export interface LinkEvent {
	kind: EventKind;
	reason: SafeText;
	device: SafeText;
	count: Count;
	text: SafeText;
	figures: Record<string, number>;
}

interface Device {
	state: string;
	changes: number;
	bond: string;
	physical: boolean;
	/** rx_dropped with rx_missed_errors; rx_fifo_errors; tx_dropped: /proc/net/dev. */
	dropped: number;
	fifo: number;
	missed: number;
}

interface Slave {
	mii: string;
	aggregator: string;
	partner: string;
	churn: string;
	failures: number;
}

/** Reads after which the state of a link is read again although its carrier has not changed. */
const STATES_AGAIN = 5;
/** Devices beyond are not polled. */
const MOST = 256;

function text(path: string): string | undefined {
	try {
		return readFileSync(path, 'utf8').trim();
	} catch {
		return undefined;
	}
}

/** The same of a file of the kernel's that is read in every interval, and which no device's name is part of: devices are renamed. */
function textAgain(path: string): string | undefined {
	try {
		// with names of devices, which are UTF-8 elsewhere
		return Buffer.from(readKept(path), 'latin1').toString('utf8').trim();
	} catch {
		return undefined;
	}
}

const number = (value: string | undefined): number => (value !== undefined && /^\d+$/.test(value) ? Number(value) : 0);

/** `/proc/net/bonding/NAME`: its slaves by name. */
export function parseBond(content: string): Map<string, Slave> {
	const slaves = new Map<string, Slave>();
	let slave: Slave | undefined;
	let actor = false;
	for (const line of content.split('\n')) {
		const [, name = '', value = ''] = /^\s*([^:]+):\s*(.*)$/.exec(line) ?? [];
		if (name === 'Slave Interface') {
			slave = { mii: '', aggregator: '', partner: '', churn: '', failures: 0 };
			slaves.set(value, slave);
			actor = false;
		} else if (slave) {
			if (name === 'MII Status') slave.mii = value;
			else if (name === 'Link Failure Count') slave.failures = number(value);
			else if (name === 'Aggregator ID') slave.aggregator = value;
			else if (/^(Actor|Partner) Churn State$/.test(name)) slave.churn += `${value} `;
			else if (name === 'details partner lacp pdu') actor = true;
			else if (name === 'system mac address' && actor) slave.partner = value;
		}
	}
	return slaves;
}

interface Softnet {
	dropped: Count;
	squeezed: Count;
}

/** The column of the CPU's number, since 5.10: only CPUs that are online have a line. */
const SOFTNET_CPU = 12;

/** `/proc/net/softnet_stat`: dropped and squeezed, by CPU. */
export function parseSoftnet(content: string): Map<number, Softnet> {
	const cpus = new Map<number, Softnet>();
	for (const [index, line] of content.split('\n').entries()) {
		const fields = line.trim().split(/\s+/);
		const [, drop, squeeze] = fields;
		if (drop === undefined || squeeze === undefined) continue;
		const cpu = fields[SOFTNET_CPU];
		cpus.set(cpu === undefined ? index : Number.parseInt(cpu, 16), {
			dropped: Number.parseInt(drop, 16),
			squeezed: Number.parseInt(squeeze, 16),
		});
	}
	return cpus;
}

/** What was added on CPUs that are in both: one that comes online brings the counts of before. */
export function softnetGained(before: ReadonlyMap<number, Softnet>, now: ReadonlyMap<number, Softnet>): Softnet {
	const gained = { dropped: 0, squeezed: 0 };
	for (const [cpu, { dropped, squeezed }] of now) {
		const past = before.get(cpu);
		if (!past) continue;
		gained.dropped += Math.max(0, dropped - past.dropped);
		gained.squeezed += Math.max(0, squeezed - past.squeezed);
	}
	return gained;
}

/** One value of TcpExt in /proc/net/netstat. */
export function parseNetstat(content: string, name: string): Count {
	const [names = [], values = []] = content
		.split('\n')
		.filter((line) => line.startsWith('TcpExt:'))
		.map((line) => line.split(' '));
	return number(values[names.indexOf(name)]);
}

/** Listening sockets with connections in their accept queue, from /proc/net/tcp. */
function listenQueues(content: string): { port: number; waiting: Count }[] {
	const queues: { port: number; waiting: Count }[] = [];
	for (const line of content.split('\n')) {
		// number: address:port address:port state tx:rx; 0A: listening, and rx is the length of its queue
		const found = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A [0-9A-F]+:([0-9A-F]+) /.exec(line);
		if (!found) continue;
		const waiting = Number.parseInt(found[2] as string, 16);
		if (waiting > 0) queues.push({ port: Number.parseInt(found[1] as string, 16), waiting });
	}
	return queues;
}

/** Receive drops and FIFO errors of `/proc/net/dev`, by device. */
export function parseNetDev(content: string): Map<string, { dropped: Count; fifo: Count }> {
	const devices = new Map<string, { dropped: Count; fifo: Count }>();
	for (const line of content.split('\n')) {
		const found = /^\s*([^\s:]+):\s*(.*)$/.exec(line);
		if (!found) continue;
		const fields = (found[2] as string).split(/\s+/).map(Number);
		devices.set(found[1] as string, { dropped: fields[3] ?? 0, fifo: fields[4] ?? 0 });
	}
	return devices;
}

export class Links {
	private readonly procRoot: string;
	private readonly sysRoot: string;
	private devices = new Map<string, Device>();
	private readonly bonds = new Map<string, Map<string, Slave>>();
	private listens: Count | undefined;
	private softnet: ReadonlyMap<number, Softnet> | undefined;
	private first = true;
	private reads = 0;

	constructor(procRoot: string, sysRoot: string) {
		this.procRoot = procRoot;
		this.sysRoot = sysRoot;
	}

	/** States now, and what has changed since the last call. */
	read(): { links: LinkState[]; changes: LinkEvent[] } {
		const changes: LinkEvent[] = [];
		this.reads++;
		const links = this.readDevices(changes);
		this.readSoftnet(changes);
		this.readListens(changes);
		this.readBonds(changes);
		const known = this.first ? [] : changes;
		this.first = false;
		return { links, changes: known };
	}

	private readDevices(changes: LinkEvent[]): LinkState[] {
		const folder = join(this.sysRoot, 'class/net');
		let names: readonly string[] = [];
		try {
			names = this.polled(folder, readdirSync(folder));
		} catch {
			return [];
		}
		const counters = parseNetDev(textAgain(join(this.procRoot, 'self/net/dev')) ?? '');
		const devices = new Map<string, Device>();
		const links: LinkState[] = [];
		for (const name of names) {
			const own = join(folder, name);
			const changesOf = text(join(own, 'carrier_changes'));
			// bonding_masters is a file
			if (changesOf === undefined) continue;
			const before = this.devices.get(name);
			const { dropped, fifo } = counters.get(name) ?? { dropped: 0, fifo: 0 };
			const physical = before?.physical ?? existsSync(join(own, 'device'));
			const changed = before === undefined || before.dropped !== dropped;
			const device: Device = {
				// it changes with the carrier, or with the user's command, which is seen a little later
				state: this.stateOf(before, own, number(changesOf)),
				changes: number(changesOf),
				bond: before && before.changes === number(changesOf) ? before.bond : masterOf(own),
				physical,
				dropped,
				fifo,
				missed: changed ? number(text(join(own, 'statistics/rx_missed_errors'))) : before.missed,
			};
			devices.set(name, device);
			const label = sanitize(name);
			if (before) compareLink(label, before, device, changes);
			// a device that was made anew under the same name counts from 0
			const missed = before ? Math.max(0, device.missed - before.missed) : 0;
			const hardware = before ? missed + Math.max(0, device.fifo - before.fifo) : 0;
			const rest = before ? Math.max(0, device.dropped - before.dropped - missed) : 0;
			links.push({
				device: label,
				state: sanitize(device.state),
				carrier_changes: device.changes,
				bond: sanitize(device.bond),
				dropped_hardware: hardware,
				dropped_driver: physical ? rest : 0,
				dropped_stack: physical ? 0 : rest,
			});
			const drops = (reason: SafeText, count: Count, what: SafeText) => {
				if (count > 0)
					changes.push({
						kind: 'nic-drop',
						reason,
						device: label,
						count,
						text: safe`${label}: ${count} ${what}`,
						figures: { packets: count },
					});
			};
			drops(safe`HARDWARE`, hardware, safe`received packets without a descriptor`);
			// those of virtual devices are packet drops, which have their reasons
			if (physical) drops(safe`DRIVER`, rest, safe`received packets dropped by the driver, or above it`);
		}
		this.devices = devices;
		return links;
	}

	/** The devices that are polled: where there are too many, those of containers are left out before those with hardware. */
	private polled(folder: string, names: readonly string[]): readonly string[] {
		if (names.length <= MOST) return names;
		const rank = (name: string): number => {
			const physical = this.devices.get(name)?.physical ?? existsSync(join(folder, name, 'device'));
			return physical ? 0 : this.devices.has(name) ? 1 : 2;
		};
		const ranks = new Map(names.map((name) => [name, rank(name)]));
		return [...names].sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0)).slice(0, MOST);
	}

	private stateOf(before: Device | undefined, folder: string, changes: number): string {
		if (before && before.changes === changes && this.reads % STATES_AGAIN !== 0) return before.state;
		return text(join(folder, 'operstate')) ?? 'unknown';
	}

	private readSoftnet(changes: LinkEvent[]): void {
		const content = textAgain(join(this.procRoot, 'net/softnet_stat'));
		if (content === undefined) return;
		const now = parseSoftnet(content);
		const before = this.softnet;
		this.softnet = now;
		if (!before) return;
		const add = (reason: SafeText, count: Count, what: SafeText) => {
			if (count > 0)
				changes.push({
					kind: 'nic-drop',
					reason,
					device: safe`softnet`,
					count,
					text: safe`${count} ${what}`,
					figures: { packets: count },
				});
		};
		const { dropped, squeezed } = softnetGained(before, now);
		add(safe`BACKLOG`, dropped, safe`packets found the queue of a CPU full`);
		add(safe`SQUEEZED`, squeezed, safe`times a softirq ended before all packets were taken`);
	}

	/** The kernel drops connections that find an accept queue full without a hook. */
	private readListens(changes: LinkEvent[]): void {
		const content = textAgain(join(this.procRoot, 'self/net/netstat'));
		if (content === undefined) return;
		const now = parseNetstat(content, 'ListenOverflows');
		const count = now - (this.listens ?? now);
		this.listens = now;
		if (count <= 0) return;
		const ports = ['tcp', 'tcp6'].flatMap((name) => listenQueues(text(join(this.procRoot, 'self/net', name)) ?? ''));
		const [longest] = ports.sort((a, b) => b.waiting - a.waiting);
		const device = longest ? safe`port ${longest.port}` : safe`not known`;
		const most = longest ? safe`; the longest queue is that of port ${longest.port}, ${longest.waiting} wait` : safe``;
		changes.push({
			kind: 'overflow',
			reason: safe`LISTEN_QUEUE`,
			device,
			count,
			text: safe`${count} connections found the accept queue of a listening socket full${most}`,
			figures: { connections: count, ...(longest && { port: longest.port, waiting: longest.waiting }) },
		});
	}

	private readBonds(changes: LinkEvent[]): void {
		const folder = join(this.procRoot, 'net/bonding');
		// most machines have none, and an error takes longer than the question
		if (!existsSync(folder)) return;
		let names: string[] = [];
		try {
			names = readdirSync(folder).slice(0, MOST);
		} catch {
			return;
		}
		for (const name of names) {
			const slaves = parseBond(text(join(folder, name)) ?? '');
			const before = this.bonds.get(name);
			this.bonds.set(name, slaves);
			if (before) compareBond(sanitize(name), before, slaves, changes);
		}
	}
}

function masterOf(folder: string): string {
	try {
		return basename(readlinkSync(join(folder, 'master')));
	} catch {
		return '';
	}
}

function compareLink(device: SafeText, before: Device, now: Device, changes: LinkEvent[]): void {
	const flaps = now.changes - before.changes;
	const was = before.state === 'up';
	const is = now.state === 'up';
	if (flaps <= 0 && was === is) return;
	const reason = was && is ? safe`FLAP` : is ? safe`UP` : safe`DOWN`;
	const count = Math.max(1, flaps);
	changes.push({
		kind: 'link',
		reason,
		device,
		count,
		text: safe`link of ${device}: ${sanitize(before.state)} → ${sanitize(now.state)}, ${count} ${count === 1 ? safe`change` : safe`changes`} of its carrier`,
		figures: { carrier_changes: flaps },
	});
}

export function compareBond(
	bond: SafeText,
	before: Map<string, Slave>,
	now: Map<string, Slave>,
	changes: LinkEvent[],
): void {
	const add = (reason: SafeText, slave: string, what: SafeText) => {
		const device = safe`${sanitize(slave)} of ${bond}`;
		changes.push({ kind: 'bond', reason, device, count: 1, text: safe`${device}: ${what}`, figures: {} });
	};
	for (const [name, slave] of now) {
		const old = before.get(name);
		if (!old) {
			add(safe`JOINED`, name, safe`joined`);
			continue;
		}
		if (old.mii !== slave.mii)
			add(slave.mii === 'up' ? safe`UP` : safe`DOWN`, name, safe`MII ${sanitize(old.mii)} → ${sanitize(slave.mii)}`);
		else if (slave.failures > old.failures)
			add(safe`FLAP`, name, safe`${slave.failures - old.failures} failures of its link`);
		if (old.aggregator !== slave.aggregator)
			add(safe`LACP_AGGREGATOR`, name, safe`aggregator ${sanitize(old.aggregator)} → ${sanitize(slave.aggregator)}`);
		if (old.partner !== slave.partner)
			add(safe`LACP_PARTNER`, name, safe`partner ${sanitize(old.partner)} → ${sanitize(slave.partner)}`);
		if (old.churn !== slave.churn)
			add(safe`LACP_CHURN`, name, safe`churn ${sanitize(old.churn)}→ ${sanitize(slave.churn)}`);
	}
	for (const name of before.keys()) if (!now.has(name)) add(safe`LEFT`, name, safe`left`);
}
