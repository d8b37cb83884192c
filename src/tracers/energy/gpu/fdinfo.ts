/** The usage statistics that DRM drivers write into `/proc/<pid>/fdinfo/<fd>` (the kernel's `drm-usage-stats`). */

/** Use of one open DRM file since it was opened. */
export interface DrmClient {
	driver: string;
	/** Bus address of the device (`0000:00:02.0`); the driver's name where it has none. */
	device: string;
	/** Identifies the file within the device, even where several descriptors or processes hold it. */
	id: string;
	/** Sum over the engines, ns. */
	busy_ns: number;
	/** Engines that count cycles of the GPU's clock, by name: own cycles, and all that elapsed. */
	cycles: Map<string, { busy: number; total: number }>;
}

/** null: not a DRM file, or a driver that reports no client. */
export function parseFdinfo(text: string): DrmClient | null {
	const fields = new Map<string, string>();
	for (const line of text.split('\n')) {
		const [, key, value] = /^drm-([\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
		if (key !== undefined && value !== undefined) fields.set(key, value);
	}
	const driver = fields.get('driver');
	const id = fields.get('client-id');
	if (driver === undefined || id === undefined) return null;
	const client: DrmClient = { driver, device: fields.get('pdev') ?? driver, id, busy_ns: 0, cycles: new Map() };
	for (const [key, value] of fields) {
		const ns = key.startsWith('engine-') && /^(\d+) ns$/.exec(value)?.[1];
		if (ns) client.busy_ns += Number(ns);
		const engine = /^cycles-(.+)$/.exec(key)?.[1];
		// a driver with both reports the same time twice
		if (engine === undefined || fields.has(`engine-${engine}`)) continue;
		const total = Number.parseInt(fields.get(`total-cycles-${engine}`) ?? '', 10);
		const busy = Number.parseInt(value, 10);
		if (busy >= 0 && total >= 0) client.cycles.set(engine, { busy, total });
	}
	return client;
}
