/** The machines of the matrix: what a guest is given. A check declares on which of them it runs. */

const KERNELS = ['5.10', '6.1', '6.12', '7.2'] as const;
export type Kernel = (typeof KERNELS)[number];

export type Disk = 'virtio' | 'scsi' | 'nvme';

export interface Machine {
	/** As in `--machine` and in the table: `6.12-scsi`. */
	name: string;
	/** Series of Debian's kernel; its newest package is used. */
	kernel: Kernel;
	arch: 'amd64' | 'arm64';
	/** How the scratch disk is attached; its whole device is {@link DISK_DEVICES}. */
	disk: Disk;
	/** Online from the start. */
	cpus: number;
	/** That may be plugged in; more than `cpus`: per-CPU maps have shards that no CPU uses. */
	possibleCpus: number;
	memoryMib: number;
	/** Part of `--short`. */
	short?: true;
}

export const DISK_DEVICES: Readonly<Record<Disk, string>> = {
	virtio: '/dev/vda',
	scsi: '/dev/sda',
	nvme: '/dev/nvme0n1',
};

/** Disks of a kernel that every check runs on; other machines have one thing that is different. */
const COMMON = { arch: 'amd64', cpus: 2, possibleCpus: 2, memoryMib: 1536 } as const;
const SHORT: ReadonlySet<string> = new Set(['5.10-virtio', '7.2-virtio']);

function byKernelAndDisk(kernel: Kernel, disk: Disk): Machine {
	const name = `${kernel}-${disk}`;
	return { ...COMMON, name, kernel, disk, ...(SHORT.has(name) && { short: true }) };
}

export const machines: readonly Machine[] = [
	...KERNELS.flatMap((kernel) => (['virtio', 'scsi', 'nvme'] as const).map((disk) => byKernelAndDisk(kernel, disk))),
	// 6.12 and 7.2 refuse such CPUs without a hypervisor that emulates their sockets
	{ ...COMMON, name: '6.1-possible128', kernel: '6.1', disk: 'virtio', cpus: 4, possibleCpus: 128, memoryMib: 2048 },
	{ ...COMMON, name: '6.1-cpus32', kernel: '6.1', disk: 'virtio', cpus: 32, possibleCpus: 32, memoryMib: 3072 },
	{ ...COMMON, name: '6.1-arm64', kernel: '6.1', arch: 'arm64', disk: 'virtio', memoryMib: 2048 },
];

/** The ordinary machine of each kernel, for checks that no disk driver changes. */
export function isPlain({ name, kernel }: Machine): boolean {
	return name === `${kernel}-virtio`;
}
