/** The textfile by the collector that it is for: node_exporter shows our figures as its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { writeTextfile } from '../../src/export/textfile.ts';
import { freePort, until } from './prometheus.ts';

const ends: (() => unknown)[] = [];
afterEach(() => {
	for (const end of ends.splice(0).reverse()) end();
});

function folder(): string {
	const path = mkdtempSync(join(tmpdir(), 'wattlag-textfile-'));
	ends.push(() => rmSync(path, { recursive: true, force: true }));
	return path;
}

test('the built program writes what node_exporter takes; nothing unfinished is left', async () => {
	const path = folder();
	const port = await freePort();
	const exporter = spawn('prometheus-node-exporter', [`--web.listen-address=127.0.0.1:${port}`, '--collector.disable-defaults', '--collector.textfile', `--collector.textfile.directory=${path}`], { stdio: 'ignore' }); // biome-ignore format: one command
	ends.push(() => exporter.kill('SIGKILL'));
	const serve = spawn('bin/wattlag', ['serve', '--delay', '0.5', '--listen', 'none', '--textfile', `${path}/wattlag.prom`], { stdio: 'ignore' }); // biome-ignore format: one command
	ends.push(() => serve.kill('SIGKILL'));
	const text = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
	await until('node_exporter shows our energy', 60, async () =>
		/^wattlag_energy_joules_total\{.*\} [\d.]+$/m.test(await text()),
	);
	expect(await text()).toMatch(/^node_textfile_scrape_error 0$/m);
	const ended = new Promise((resolve) => serve.on('exit', resolve));
	serve.kill('SIGTERM');
	expect(await ended).toBe(0);
	expect(readdirSync(path)).toEqual(['wattlag.prom']);
	// the same file for jobs behind a Pushgateway
	const gateway = await freePort();
	const pushgateway = spawn('prometheus-pushgateway', [`--web.listen-address=127.0.0.1:${gateway}`], {
		stdio: 'ignore',
	});
	ends.push(() => pushgateway.kill('SIGKILL'));
	const url = `http://127.0.0.1:${gateway}/metrics`;
	const body = readFileSync(join(path, 'wattlag.prom'));
	await until('Pushgateway takes it', 30, async () => (await fetch(`${url}/job/wattlag`, { method: 'PUT', body })).ok);
	const samples = (all: string): number => all.match(/^wattlag_\w+(\{.*\})? /gm)?.length ?? 0;
	const pushed = await (await fetch(url)).text();
	expect(pushed).toMatch(/^wattlag_energy_joules_total\{.*job="wattlag".*\} [\d.e+]+$/m);
	expect(samples(pushed)).toBe(samples(body.toString()));
});

test('a link in the folder is replaced, not followed', async () => {
	const [path, other] = [folder(), folder()];
	writeFileSync(join(other, 'precious'), 'precious');
	symlinkSync(join(other, 'precious'), join(path, 'wattlag.prom'));
	await writeTextfile(join(path, 'wattlag.prom'), 'new\n');
	const { lstatSync } = await import('node:fs');
	expect(readFileSync(join(other, 'precious'), 'utf8')).toBe('precious');
	expect(lstatSync(join(path, 'wattlag.prom')).isSymbolicLink()).toBe(false);
	await expect(writeTextfile(join(path, 'no', 'x.prom'), 'x')).rejects.toThrow(/ENOENT/);
});
