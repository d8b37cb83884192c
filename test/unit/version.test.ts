/** `wattlag version`: what a report of a fault quotes. */
import { expect, test } from 'vitest';
import { versionsJson, versionsText } from '../../src/commands/version/report.ts';

const released = {
	wattlag: '1.2.3',
	build: 'release',
	commit: 'a'.repeat(40),
	libbpf: '1.1',
	node: '24.21.0',
	arch: 'x64',
	kernel: '6.1.0',
} as const;

test('text names every version on a line of its own', () => {
	expect(versionsText(released)).toBe(
		`wattlag 1.2.3 (release, commit ${'a'.repeat(40)})\nlibbpf 1.1\nNode 24.21.0, x64\nLinux 6.1.0\n`,
	);
});

test('a checkout has no commit; an addon that cannot be loaded has no libbpf', () => {
	expect(versionsText({ ...released, build: 'checkout', commit: null, libbpf: null })).toBe(
		'wattlag 1.2.3 (checkout)\nlibbpf not loaded: wattlag doctor says why\nNode 24.21.0, x64\nLinux 6.1.0\n',
	);
});

test('JSON is one line with the version of its form', () => {
	const text = versionsJson(released);
	expect(text.endsWith('}\n') && text.indexOf('\n') === text.length - 1).toBe(true);
	expect(JSON.parse(text)).toEqual({ version: 1, ...released });
});

test("the kernel's release cannot write to the terminal", () => {
	expect(versionsText({ ...released, kernel: '6.1\x1b[2J' })).not.toContain('\x1b');
});
