/**
 * Runs checks in the guest, one after the other, and appends a line of JSON to /result/lines when one begins and when it
 * ends. Bundled with all checks by host/bundle.ts.
 *   agent.mjs MACHINE CHECK…
 */
import { appendFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { type Machine, machines } from '../machines.ts';
import type { Line } from '../report.ts';
import { guestOf, loadModules } from './guest.ts';

function report(line: Line): void {
	appendFileSync('/result/lines', `${JSON.stringify(line)}\n`);
}

async function runCheck(name: string, check: Check, machine: Machine): Promise<Line> {
	const begun = performance.now();
	const { guest, notes, end } = guestOf(machine, (wish) => report({ kind: 'host', check: name, ...wish }));
	let failure = '';
	try {
		loadModules(check.modules ?? []);
		await check.run(guest);
	} catch (error) {
		failure = error instanceof Error ? error.message : String(error);
	}
	try {
		await end();
	} catch (error) {
		failure ||= `cleaning up: ${(error as Error).message}`;
	}
	return { kind: 'ended', check: name, failure, notes, seconds: (performance.now() - begun) / 1000 };
}

/** @param checks all there are, by name */
export async function runChecks(checks: Readonly<Record<string, Check>>): Promise<void> {
	const [machineName, ...names] = process.argv.slice(2);
	const machine = machines.find(({ name }) => name === machineName);
	if (!machine) throw new Error(`no machine ${machineName}`);
	for (const name of names) {
		const check = checks[name];
		if (!check) throw new Error(`no check ${name}`);
		report({ kind: 'begun', check: name });
		report(await runCheck(name, check, machine));
	}
}
