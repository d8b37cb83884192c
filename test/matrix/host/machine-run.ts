/** All checks of one machine: as few boots as it takes. */
import type { Check } from '../check.ts';
import type { Machine } from '../machines.ts';
import { type Line, type Outcome, verdictOf } from '../report.ts';
import { Boot, type Booted, type Image } from './boot.ts';
import { AGENT } from './bundle.ts';
import { progress } from './progress.ts';

const BOOT_SECONDS = 240;
const CHECK_SECONDS = 150;

export interface MachineRun {
	machine: Machine;
	image: Image & { node: string };
	checks: ReadonlyMap<string, Check>;
	names: readonly string[];
}

/** QEMU's NVMe device sometimes stops for good under load, without a cause in the guest. */
const mayHang = ({ disk }: Machine): boolean => disk === 'nvme';

function say({ machine }: MachineRun, { check, verdict, failure, notes, seconds }: Outcome): void {
	progress(
		`${machine.name}: ${check}: ${verdict}, ${seconds.toFixed(1)} s${notes.map((note) => `; ${note}`).join('')}`,
	);
	if (failure !== '') for (const line of failure.split('\n')) process.stderr.write(`    ${line}\n`);
}

/** What is wrong with a guest's clock, by which a check took `guest` s, by the host's `host`. */
export function clockNote(guest: number, host: number): string[] {
	return Math.abs(guest - host) > 5 + host / 5 ? [`by the guest's clock it took ${guest.toFixed(1)} s`] : [];
}

async function boot(run: MachineRun, names: readonly string[], ended: (outcome: Outcome) => void) {
	const { machine, image, checks } = run;
	let current: string | undefined;
	let begun = 0;
	const booted: Booted = await new Boot(machine, image).run(
		`${image.node} --no-warnings ${AGENT} ${machine.name} ${names.join(' ')}`,
		BOOT_SECONDS * 1000,
		(text, control) => {
			const line = JSON.parse(text) as Line;
			current = line.kind === 'ended' ? undefined : line.check;
			if (line.kind === 'begun') begun = performance.now();
			if (line.kind === 'host') {
				if (line.stop_s !== undefined) control.stop(line.stop_s * 1000);
				if (line.monitor !== undefined) control.monitor(line.monitor);
			}
			const check = checks.get(line.check) as Check;
			if (line.kind === 'ended') {
				const { check: name, failure, notes } = line;
				const seconds = (performance.now() - begun) / 1000;
				// figures of time of a guest whose clock jumps are none of the program
				const clock = clockNote(line.seconds, seconds);
				ended({
					check: name,
					verdict: verdictOf(check, machine, failure),
					failure,
					notes: [...notes, ...clock],
					seconds,
				});
			}
			return (check.limit ?? CHECK_SECONDS) * 1000;
		},
	);
	return { booted, current };
}

/**
 * A guest that stops takes one check with it, the others run in the next boot. A hang that QEMU is known for is tried once
 * more.
 */
export async function runMachine(run: MachineRun): Promise<Outcome[]> {
	const outcomes: Outcome[] = [];
	let left = [...run.names];
	let retried = false;
	const end = (outcome: Outcome): void => {
		say(run, outcome);
		outcomes.push(outcome);
		left = left.filter((name) => name !== outcome.check);
	};
	while (left.length > 0) {
		const { booted, current } = await boot(run, left, end);
		const { hung, trouble, console } = booted;
		if (left.length === 0) break;
		const failure = [trouble || 'the guest ended without a word of the rest', ...console].join('\n');
		if (hung && mayHang(run.machine) && !retried) {
			retried = true;
			progress(`${run.machine.name}: ${trouble} (${current ?? 'booting'}); once more`);
			continue;
		}
		// without a check that had begun every other boot would end alike
		// also where it is known to fail: no check is known to stop a guest
		for (const name of current === undefined ? left : [current])
			end({ check: name, verdict: 'failed', stopped: true, failure, notes: [], seconds: 0 });
	}
	return outcomes;
}
