/** Opens the folder that is named, jumps to 200 moments, and prints what that took as JSON. */
import { openRecording } from '../../src/recording/open.ts';
import { registry } from '../../src/registry.ts';
import { generator } from '../lib/random.ts';

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
const usedBytes = (): number => {
	collect();
	const { heapUsed, external } = process.memoryUsage();
	return heapUsed + external;
};
const cpuMs = (): number => {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
};

const before = usedBytes();
const begun = cpuMs();
const { store, sampler } = await openRecording(
	process.argv[2] ?? '',
	registry.map(({ tracer }) => tracer),
);
const open = cpuMs() - begun;
const used = (usedBytes() - before) / 1e6;
const moments = store.moments();
const [first, last] = [moments[0]?.wall ?? 0, moments.at(-1)?.wall ?? 0];
const random = generator(1);
const jumps = Array.from({ length: 200 }, () => {
	const wall = first + random() * (last - first);
	const [from, cpu] = [performance.now(), cpuMs()];
	store.goTo(wall);
	store.current('overview');
	return { wall: performance.now() - from, cpu: cpuMs() - cpu };
});
sampler.close();
const ascending = (figure: 'wall' | 'cpu') => jumps.map((jump) => jump[figure]).sort((a, b) => a - b);
process.stdout.write(JSON.stringify({ open, used, jumps: ascending('wall'), jumpsCpu: ascending('cpu') }));
