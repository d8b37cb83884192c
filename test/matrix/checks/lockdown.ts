import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const SETTING = '/sys/kernel/security/lockdown';

interface Diagnosis {
	tabs: { tab: string; works: boolean; reason: string }[];
}

export default {
	shows: 'A kernel locked down to integrity lets every tab work; locked down to confidentiality, the reason is named.',
	on: isPlain,
	// there is no way back
	last: true,
	async run(guest) {
		const diagnose = async (): Promise<Diagnosis['tabs']> => {
			const text = await guest.shell(`${guest.program.join(' ')} doctor --json || true`);
			return (JSON.parse(text) as Diagnosis).tabs;
		};
		writeFileSync(SETTING, 'integrity');
		for (const { tab, works, reason } of await diagnose()) assert.ok(works, `integrity: ${tab}: ${reason}`);
		writeFileSync(SETTING, 'confidentiality');
		assert.match(readFileSync(SETTING, 'utf8'), /\[confidentiality\]/);
		const off = (await diagnose()).filter(({ works }) => !works);
		assert.ok(off.length > 0, 'confidentiality keeps no program from loading');
		for (const { tab, reason } of off) if (tab !== 'overview') assert.match(reason, /lock/i, `${tab}: ${reason}`);
	},
} satisfies Check;
