import type { WorkerSettings } from '../../src/sampling/worker-sampler.ts';

/** Settings of fake threads: they use only the values that a test sets. */
export const workerSettings: WorkerSettings = {
	tabs: ['energy', 'io'],
	addonPath: '',
	objectDir: '',
	procRoot: '',
	sysRoot: '',
	delay: 1,
	firstDelay: 1,
	groups: {},
	sections: {},
	without: [],
	ownCost: 'auto',
	debug: '',
};
