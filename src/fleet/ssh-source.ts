/** Rows of a fleet without a server: an agent on each host, through ssh. For some dozens of hosts. */
import { systemReason, UsageError } from '../core/errors.ts';
import type { SamplerEvent } from '../core/sampler.ts';
import { type Snapshot, secondsOf } from '../core/snapshot.ts';
import { uncertaintyOf } from '../export/mapping.ts';
import { mergeFigures, slotCount } from '../lib/histogram.ts';
import { readNamed } from '../lib/named-file.ts';
import { safe, sanitize } from '../lib/sanitize.ts';
import type { RecordedTab } from '../recording/validate.ts';
import type { EnergyExtra } from '../tracers/energy/snapshot.ts';
import type { IoRow } from '../tracers/io/snapshot.ts';
import { levels } from '../tracers/overview/finding.ts';
import type { OverviewExtra } from '../tracers/overview/snapshot.ts';
import { RemoteSampler } from './remote-sampler.ts';
import { emptyRow, type FleetRow, type Severity } from './rows.ts';

/** Hosts of a file: each costs a process here and one there. */
const MOST_SSH_HOSTS = 256;

/** A host as ssh takes it; not an option, and nothing that a shell would act on. */
const host = /^(?!-)[A-Za-z0-9_.:%@[\]-]{1,255}$/;

export function checkHost(text: string, where: string): string {
	if (!host.test(text)) throw new UsageError(`${where}: '${sanitize(text)}' is no host name`);
	return text;
}

/** Of the file of hosts. */
const MOST_BYTES = 2 ** 20;

/** One host a line, optionally with labels: `db1 role=db rack=a3`. `#` begins a comment. @throws {UsageError} */
export function readHosts(path: string): { host: string; labels: Record<string, string> }[] {
	let text: string;
	try {
		const bytes = readNamed(path, MOST_BYTES);
		if (bytes.length > MOST_BYTES) throw new Error('too large to be a list of hosts');
		text = bytes.toString('utf8');
	} catch (error) {
		throw new UsageError(`--hosts ${path}: ${systemReason(error)}`);
	}
	const known = new Set<string>();
	const hosts = text.split('\n').flatMap((line, index) => {
		const [name, ...labels] = line.replace(/#.*/, '').split(/\s+/).filter((word) => word !== ''); // biome-ignore format: one step
		if (name === undefined) return [];
		const pairs = labels.map((label) => {
			const [, key = '', value = ''] = /^([A-Za-z_]\w*)=(.+)$/.exec(label) ?? [];
			if (key === '') throw new UsageError(`--hosts ${path}, line ${index + 1}: write label=value, not '${label}'`);
			return [key, value] as const;
		});
		// sums would have its figures twice
		if (known.has(name)) throw new UsageError(`--hosts ${path}, line ${index + 1}: ${sanitize(name)} is there already`);
		known.add(name);
		return [{ host: checkHost(name, `--hosts ${path}, line ${index + 1}`), labels: Object.fromEntries(pairs) }];
	});
	if (hosts.length === 0) throw new UsageError(`--hosts ${path}: no host in it`);
	if (hosts.length > MOST_SSH_HOSTS)
		throw new UsageError(
			`--hosts ${path}: ${hosts.length} hosts, at most ${MOST_SSH_HOSTS} by ssh; use --prometheus URL for more`,
		);
	return hosts;
}

const CONNECTING = safe`connecting`;

/** One host's latest figures. */
class Host {
	readonly row: FleetRow;
	private readonly sampler: RemoteSampler;
	private heardAt = 0;
	private wall = 0;

	constructor(name: string, labels: Record<string, string>, sampler: RemoteSampler) {
		const safeLabels = Object.entries(labels).map(([key, value]) => [sanitize(key), sanitize(value)]);
		this.row = {
			...emptyRow(sanitize(name)),
			labels: Object.fromEntries(safeLabels),
			from: safe`wattlag`,
			state: CONNECTING,
		};
		this.sampler = sampler;
		sampler.subscribe((event) => this.take(event));
	}

	/** It has neither figures nor a failure yet. */
	get pending(): boolean {
		return this.heardAt === 0 && this.row.state === CONNECTING;
	}

	current(): FleetRow {
		const age = this.heardAt === 0 ? null : (performance.now() - this.heardAt) / 1000;
		return { ...this.row, age_s: age, up: this.row.state === '' && age !== null };
	}

	close(): void | Promise<void> {
		return this.sampler.close();
	}

	private take(event: SamplerEvent): void {
		const { row } = this;
		if (event.kind === 'worker-failed') row.state = event.message;
		if (event.kind !== 'snapshot') return;
		const { snapshot } = event;
		this.wall = Date.parse(snapshot.time);
		if (snapshot.tab === 'overview') {
			row.state = safe``;
			this.heardAt = performance.now();
			this.overview(snapshot as Snapshot<object, OverviewExtra>);
		}
		if (snapshot.tab === 'energy')
			row.watts_error = uncertaintyOf((snapshot as Snapshot<object, EnergyExtra>).source.uncertainty) ?? null;
		if (snapshot.tab === 'io') row.io_p99_ns = ioP99(snapshot as Snapshot<IoRow>);
	}

	private overview(snapshot: Snapshot<object, OverviewExtra>): void {
		const { row } = this;
		const { totals, findings, dt_ns, lost } = snapshot;
		row.cpu = totals.busy_ns === null ? null : totals.busy_ns / dt_ns;
		row.watts = totals.watts;
		row.wait_p99_ns = totals.wait_p99_ns;
		row.irq = totals.irq_ns === null ? null : totals.irq_ns / dt_ns;
		const total = Object.values(lost).reduce((sum, one) => sum + one, 0);
		row.lost = this.lostBefore === undefined ? 0 : Math.max(0, total - this.lostBefore) / secondsOf(snapshot);
		this.lostBefore = total;
		const [worst] = findings;
		row.severity = worst ? ((levels.length - levels.indexOf(worst.level)) as Severity) : 0;
		row.finding = worst ? safe`${worst.subject}: ${worst.text}` : safe``;
		row.since_s = worst ? Math.max(0, (this.wall - Date.parse(worst.since)) / 1000) : null;
	}

	private lostBefore: number | undefined;
}

/** Of all requests of devices that do not pass theirs on. */
function ioP99({ rows }: Snapshot<IoRow>): number | null {
	const parts = rows.flatMap(({ stacked, stages }) => (stacked || !stages['total'] ? [] : [stages['total']]));
	const count = parts.reduce((sum, part) => sum + part.count, 0);
	return count === 0 ? null : mergeFigures(parts, slotCount(2)).p99_ns;
}

export interface SshOptions {
	hosts: readonly { host: string; labels: Record<string, string> }[];
	/** The command for a host. */
	commandFor(host: string): readonly string[];
	tabs: readonly RecordedTab[];
	/** Seconds. */
	delay: number;
}

/** Between the starts of two connections, ms: not all at once. */
const STAGGER = 50;

export class SshSource {
	private readonly hosts: Host[] = [];
	private readonly timers: NodeJS.Timeout[] = [];
	private readonly waiting: FleetRow[];

	constructor({ hosts, commandFor, tabs, delay }: SshOptions) {
		this.waiting = hosts.map(({ host: name }) => ({ ...emptyRow(sanitize(name)), state: CONNECTING }));
		for (const [index, { host: name, labels }] of hosts.entries()) {
			this.timers.push(
				setTimeout(() => {
					const sampler = new RemoteSampler({
						command: commandFor(name),
						host: name,
						tabs,
						delay,
						groups: {},
						active: 'overview',
					});
					this.hosts.push(new Host(name, labels, sampler));
				}, index * STAGGER),
			);
		}
	}

	async rows(): Promise<FleetRow[]> {
		return [...this.hosts.map((one) => one.current()), ...this.waiting.slice(this.hosts.length)];
	}

	/** Resolves when every host has figures or has failed, or after so many ms. */
	async ready(limit: number): Promise<void> {
		const pending = () => this.hosts.length < this.waiting.length || this.hosts.some((one) => one.pending);
		for (const end = performance.now() + limit; pending() && performance.now() < end; )
			await new Promise((resolve) => setTimeout(resolve, 100));
	}

	async close(): Promise<void> {
		for (const timer of this.timers) clearTimeout(timer);
		await Promise.all(this.hosts.map((one) => one.close()));
	}
}
