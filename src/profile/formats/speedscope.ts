/** The file format of speedscope (https://www.speedscope.app/file-format-schema.json). */
import { type Profile, stackValue, unitOf } from '../model.ts';

/** One profile for each thread, and one of all threads first. */
export function speedscope(profile: Profile, exporter: string): string {
	const frames: { name: string; file?: string }[] = profile.frames.map(({ name, module }) => ({
		name,
		...(module !== '' && { file: module }),
	}));
	const labels = new Map<string, number>();
	const label = (name: string): number => {
		let index = labels.get(name);
		if (index === undefined) {
			index = frames.length;
			frames.push({ name });
			labels.set(name, index);
		}
		return index;
	};
	const threads = new Map<string, { samples: number[][]; weights: number[] }>();
	const all = { samples: [] as number[][], weights: [] as number[] };
	for (const stack of profile.stacks) {
		const weight = stackValue(profile.mode, stack);
		const above = profile.mode === 'on-cpu' ? [] : [label(`[${stack.state}]`)];
		const own = [...above, ...(stack.lock === undefined ? [] : [label(`[${stack.lock}]`)]), ...stack.frames];
		all.samples.push([label(stack.comm), ...own]);
		all.weights.push(weight);
		const name = `${stack.thread} (pid ${stack.pid}, tid ${stack.tid})`;
		const thread = threads.get(name) ?? { samples: [], weights: [] };
		threads.set(name, thread);
		thread.samples.push(own);
		thread.weights.push(weight);
	}
	const sampled = (name: string, { samples, weights }: typeof all) => ({
		type: 'sampled',
		name,
		unit: unitOf(profile.mode) === 'samples' ? 'none' : 'nanoseconds',
		startValue: 0,
		endValue: weights.reduce((sum, weight) => sum + weight, 0),
		samples,
		weights,
	});
	const document = {
		$schema: 'https://www.speedscope.app/file-format-schema.json',
		exporter,
		name: `${profile.mode} ${profile.target}`,
		activeProfileIndex: 0,
		shared: { frames },
		profiles: [sampled('all threads', all), ...Array.from(threads, ([name, thread]) => sampled(name, thread))],
	};
	return `${JSON.stringify(document)}\n`;
}
