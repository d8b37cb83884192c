/** Power drawn from batteries (`/sys/class/power_supply`): that of the whole machine, only while it runs on them. */
import { join } from 'node:path';
import { Garbage, list, readNumber, readOptional, readText } from './sysfs.ts';

export interface Battery {
	name: string;
	directory: string;
	/** Files that its power is read from. */
	hooks: string[];
	/** µW drawn from it. Throws `Garbage` while it is not discharging: on mains its power is not the machine's. */
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
				throw new Garbage(`is not discharging (${status}): on mains its power is not the machine's`);
			// some drivers report discharge as negative; µA × µV is pW
			const product = hooks.reduce((value, hook) => value * readNumber(hook), 1);
			return Math.abs(direct ? product : product / 1e6);
		},
	};
}

/** The machine's batteries that report their power, discharging or not. */
export function readBatteries(folder: string): Battery[] {
	return list(folder).flatMap((name) => describe(join(folder, name), name) ?? []);
}
