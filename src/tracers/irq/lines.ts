/** Facts of interrupt lines from `/proc/irq` and sysfs: the device, and the CPUs that may and do get the interrupts. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readKept } from '../../lib/kept-files.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';

export interface LineFacts {
	/** `eth0`, `vda`, `nvme0`, else the bus address, else the chip and its input (`IO-APIC 4`); null: not known. */
	device: SafeText | null;
	/** CPUs allowed for the line (smp_affinity), as a list: `0-3,8`. null: not known. */
	affinity: SafeText | null;
	/** CPUs that get its interrupts now (effective_affinity). */
	effective_affinity: SafeText | null;
}

/** Lines whose affinity is reread per interval; the other lines keep the last value. */
const READS_PER_INTERVAL = 4;

/** Subdirectories of a sysfs device that hold its user-visible name. */
const CLASSES = ['net', 'block', 'nvme', 'tty', 'sound', 'input', 'rtc'];

function read(...path: string[]): string | undefined {
	try {
		return readFileSync(join(...path), 'utf8').trim() || undefined;
	} catch {
		return undefined;
	}
}

/** The same of a file that is read in most intervals. */
function readAgain(...path: string[]): string | undefined {
	try {
		return readKept(join(...path)).trim() || undefined;
	} catch {
		return undefined;
	}
}

function list(...path: string[]): string[] {
	try {
		return readdirSync(join(...path)).sort();
	} catch {
		return [];
	}
}

/** Last component of a link's target. */
function link(...path: string[]): string | undefined {
	try {
		return basename(readlinkSync(join(...path)));
	} catch {
		return undefined;
	}
}

const text = (foreign: string | undefined): SafeText | null => (foreign === undefined ? null : sanitize(foreign));

/** User-visible name of a device: `eth0` for a directory that contains `net/eth0` or `virtio2/net/eth0`. */
function friendlyName(device: string): string | undefined {
	const parts = [
		device,
		...list(device).flatMap((name) => (/^(virtio|ata|host|usb)\d/.test(name) ? [join(device, name)] : [])),
	];
	for (const part of parts) {
		for (const kind of CLASSES) {
			const names = list(part, kind);
			if (names.length > 0) return names.join('+');
		}
	}
	return undefined;
}

/** Reads `/proc/irq` and sysfs, with a cache. */
export class Lines {
	private readonly procRoot: string;
	private readonly sysRoot: string;
	private readonly known = new Map<string, LineFacts>();
	/** Names of the IPIs by line. */
	private ipis: ReadonlyMap<number, SafeText> | undefined;
	/** PCI address by line. */
	private pci: Map<number, string> | undefined;
	/** Keys to reread in this interval. */
	private due: ReadonlySet<string> = new Set();

	constructor(procRoot: string, sysRoot: string) {
		this.procRoot = procRoot;
		this.sysRoot = sysRoot;
	}

	/** Begins an interval: allows the next {@link READS_PER_INTERVAL} reads. */
	tick(): void {
		// the map is in order of the last read
		this.due = new Set([...this.known.keys()].slice(0, READS_PER_INTERVAL));
	}

	/**
	 * The name of a handler. The IPIs of arm and arm64 are lines of one name, `IPI`: in the order of their numbers they are
	 * IPI0, IPI1, … of `/proc/interrupts`, which explains them.
	 */
	nameOf(irq: number, action: SafeText): SafeText {
		return action === 'IPI' ? (this.ipiNames().get(irq) ?? action) : action;
	}

	/** @param action name of the handler, which distinguishes the devices of a shared line */
	facts(irq: number, action: string): LineFacts {
		const key = `${irq} ${action}`;
		let facts = this.known.get(key);
		if (facts && !this.due.has(key)) return facts;
		facts = {
			device: facts?.device ?? this.device(irq, action),
			affinity: text(readAgain(this.procRoot, 'irq', String(irq), 'smp_affinity_list')),
			effective_affinity: text(readAgain(this.procRoot, 'irq', String(irq), 'effective_affinity_list')),
		};
		this.known.delete(key);
		this.known.set(key, facts);
		return facts;
	}

	private device(irq: number, action: string): SafeText | null {
		const virtio = /^virtio\d+/.exec(action)?.[0];
		if (virtio) {
			const directory = join(this.sysRoot, 'bus/virtio/devices', virtio);
			const driver = link(directory, 'driver');
			return sanitize(friendlyName(directory) ?? (driver ? `${virtio} ${driver}` : virtio));
		}
		const address = this.pciDevices().get(irq);
		if (address) return sanitize(friendlyName(join(this.sysRoot, 'bus/pci/devices', address)) ?? address);
		const chip = read(this.sysRoot, 'kernel/irq', String(irq), 'chip_name');
		const input = read(this.sysRoot, 'kernel/irq', String(irq), 'hwirq');
		if (!chip) return null;
		return input === undefined ? sanitize(chip) : safe`${sanitize(chip)} ${sanitize(input)}`;
	}

	/** Once per session: they are set up at boot. */
	private ipiNames(): ReadonlyMap<number, SafeText> {
		if (this.ipis) return this.ipis;
		const root = join(this.sysRoot, 'kernel/irq');
		const lines = list(root)
			.filter((line) => read(root, line, 'actions') === 'IPI')
			.map(Number)
			.sort((a, b) => a - b);
		// `IPI0:      1234      5678       Rescheduling interrupts`
		const explained = read(this.procRoot, 'interrupts') ?? '';
		this.ipis = new Map(
			lines.map((line, index) => {
				const words = new RegExp(`^ *IPI${index}:[ \\d]*(.*)$`, 'm').exec(explained)?.[1] ?? '';
				return [line, sanitize(`IPI${index} ${words}`.trim())];
			}),
		);
		return this.ipis;
	}

	/** Built once per session: lines of devices that are plugged in later are named by their chip. */
	private pciDevices(): ReadonlyMap<number, string> {
		if (this.pci) return this.pci;
		this.pci = new Map();
		const root = join(this.sysRoot, 'bus/pci/devices');
		for (const address of list(root)) {
			const legacy = Number(read(root, address, 'irq') ?? 0);
			// several devices may share a legacy line; the first one names it
			if (legacy > 0 && !this.pci.has(legacy)) this.pci.set(legacy, address);
			for (const line of list(root, address, 'msi_irqs')) this.pci.set(Number(line), address);
		}
		return this.pci;
	}
}
