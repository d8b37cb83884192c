import type { WorkerSettings } from '../../src/sampling/worker-sampler.ts';

/** For threads that only pretend: nothing of it is used but what a test says. */
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
