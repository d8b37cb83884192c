/** Power drawn from batteries (`/sys/class/power_supply`): that of the whole machine, only while it runs on them. */
import { join } from 'node:path';
import { checkedPower } from './sampler.ts';
import { Garbage, list, readNumber, readOptional, readText } from './sysfs.ts';

/** On mains the power of a battery is not the machine's. */
export class NotDischarging extends Garbage {}

export interface Battery {
	name: string;
	directory: string;
	/** Files that its power is read from. */
	hooks: string[];
	/** µW drawn from it. Throws {@link NotDischarging}, or `Garbage` where it does not deliver although it discharges. */
	power(): number;
}

function describe(directory: string, name: string): Battery | null {
	// `Device`: the battery of a mouse or headset
	if (readOptional(join(directory, 'type')) !== 'Battery' || readOptional(join(directory, 'scope')) === 'Device')
		return null;
	const direct = readOptional(join(directory, 'power_now')) !== undefined;
	const hooks = (direct ? ['power_now'] : ['current_now', 'voltage_now']).map((file) => join(directory, file));
	if (!hooks.every((hook) => readOptional(hook) !== undefined)) return null;
	return {
		name,
		directory,
		hooks,
		power() {
			const status = readText(join(directory, 'status'));
			if (status !== 'Discharging')
				throw new NotDischarging(`is not discharging (${status}): on mains its power is not the machine's`);
			// some drivers report discharge as negative; µA × µV is pW
			const product = hooks.reduce((value, hook) => value * readNumber(hook), 1);
			const microwatts = checkedPower(Math.abs(direct ? product : product / 1e6));
			// what reads this draws some
			if (microwatts === 0) throw new Garbage('reads 0 µW, which cannot be while it discharges');
			return microwatts;
		},
	};
}

/** The machine's batteries that report their power, discharging or not. */
export function readBatteries(folder: string): Battery[] {
	return list(folder).flatMap((name) => describe(join(folder, name), name) ?? []);
}
