/** What packages say of the program. */

export interface Description {
	version: string;
	summary: string;
	/** Lines of a paragraph. */
	text: readonly string[];
	maintainer: string;
}

export function describeProgram({ version, description }: { version: string; description: string }): Description {
	return {
		version,
		summary: description,
		text: [
			'A top for the terminal: energy, run queue latency, interrupts, disk IO and',
			'received packets by process, thread and control group, measured by BPF.',
			'Brings its own Node.js and C library, and needs nothing else.',
		],
		maintainer: 'The wattlag authors <wattlag@localhost>',
	};
}
