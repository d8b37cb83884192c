/** `wattlag doctor`: what this machine lets wattlag measure, and why not the rest. */
import { loadTracers } from '../../registry.ts';
import { type Command, hostOf, print } from '../command.ts';

export const doctor: Command = {
	name: 'doctor',
	by: { word: 'doctor' },
	usage: 'doctor',
	usageOptions: '[--json]',
	summary: 'what this machine lets wattlag measure, and why not the rest',
	takes: ['json'],
	async run(context) {
		const { line, registry, version } = context;
		const { diagnose } = await import('./doctor.ts');
		const { doctorJson, doctorText } = await import('./report.ts');
		const diagnosis = await diagnose(hostOf(context), await loadTracers(registry.map(({ tracer }) => tracer.id)), {
			...line,
			program: `wattlag ${version}`,
		});
		const json = line.values['json'] === true;
		const failed = await print(json ? doctorJson(diagnosis) : doctorText(diagnosis, process.stdout.columns));
		return failed || diagnosis.exitCode;
	},
};
