/** Whether the kernel keeps the time of interrupts apart from that of tasks: its types alone do not say that it is in use. */
import { expect, test } from 'vitest';
import { keepsIrqTime } from '../../src/tracers/energy/cpu/irq-time.ts';
import { makeTree } from '../lib/tree.ts';

const SOURCES = 'sys/devices/system/clocksource/clocksource0/available_clocksource';

interface Machine {
	types: readonly string[];
	cmdline?: string;
	sources?: string;
}

function keeps({ types, cmdline, sources }: Machine): boolean {
	const tree = makeTree();
	if (cmdline !== undefined) tree.set('proc/cmdline', cmdline);
	if (sources !== undefined) tree.set(SOURCES, sources);
	const addon = { hasType: (_kind: string, name: string) => types.includes(name) } as Parameters<
		typeof keepsIrqTime
	>[0]['addon'];
	return keepsIrqTime({ addon, procRoot: tree.path('proc'), sysRoot: tree.path('sys') });
}

const x86 = ['irqtime', 'cpuinfo_x86'];

test.each([
	{ what: 'a kernel without it', machine: { types: ['cpuinfo_x86'], sources: 'tsc hpet\n' }, kept: false },
	{ what: 'a stable TSC', machine: { types: x86, cmdline: 'ro quiet\n', sources: 'tsc hpet acpi_pm \n' }, kept: true },
	{ what: 'kvm-clock beside a stable TSC', machine: { types: x86, sources: 'kvm-clock tsc acpi_pm \n' }, kept: true },
	{ what: 'an unstable TSC', machine: { types: x86, cmdline: 'ro\n', sources: 'hpet acpi_pm \n' }, kept: false },
	{
		what: 'tsc=noirqtime',
		machine: { types: x86, cmdline: 'ro tsc=noirqtime quiet\n', sources: 'tsc hpet\n' },
		kept: false,
	},
	{
		what: 'an option that only looks like it',
		machine: { types: x86, cmdline: 'x.tsc=noirqtime\n', sources: 'tsc\n' },
		kept: true,
	},
	{ what: 'arm64', machine: { types: ['irqtime'], sources: 'arch_sys_counter\n' }, kept: true },
	{ what: 'an x86 machine whose sysfs is hidden', machine: { types: x86 }, kept: true },
])('$what: $kept', ({ machine, kept }) => expect(keeps(machine)).toBe(kept));
