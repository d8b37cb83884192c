import assert from 'node:assert/strict';
import { globSync, writeFileSync } from 'node:fs';
import { events } from '../../../src/tracers/events/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

/** A corrected error of a bank: valid, enabled, not uncorrected. */
const STATUS = '0x9000000000000151';

export default {
	shows: 'A corrected machine check that QEMU injects is an event of the hardware, by its tracepoint.',
	on: isPlain,
	// the kernel logs it as a hardware error
	last: true,
	limit: 240,
	async run(guest) {
		const intervals = globSync('/sys/devices/system/machinecheck/machinecheck*/check_interval');
		assert.ok(intervals.length > 0, 'this kernel has no machine checks');
		for (const path of intervals) writeFileSync(path, '1');
		const session = guest.measure(events);
		const { source } = session.read();
		guest.onHost({ monitor: `mce 0 9 ${STATUS} 0 0x12340 0` });
		const found = async () => {
			for (let tries = 0; tries < 40; tries++) {
				await guest.seconds(1);
				const event = session.read().extra.events.find(({ kind }) => kind === 'hardware');
				if (event) return event;
			}
			return undefined;
		};
		const event = await found();
		const hooked = source.hooks?.includes('tp_btf/mce_record') ?? false;
		guest.note(`${hooked ? 'mce_record' : 'no mce_record'}: ${event?.origin ?? 'none'} ${event?.reason ?? ''}`);
		assert.equal(event?.reason, 'MACHINE_CHECK');
		if (hooked) assert.equal(event?.origin, 'tracepoint');
	},
} satisfies Check;
