/** What `perf stat -x,` says of events that no BPF program can see. */
import { expect, test } from 'vitest';
import { countOf, requestsOf } from '../verify/hidden.ts';

test.each([
	['12,,block:block_rq_complete,3310421,100.00,,', 12],
	['0,,block:block_rq_complete,3310421,100.00,,', 0],
	// process 1 slept all the time
	['<not counted>,,block:block_rq_complete,0,100.00,,', 0],
	// it ran, and the counter had no turn
	['<not counted>,,block:block_rq_complete,0,0.00,,', Number.NaN],
	['<not supported>,,block:block_rq_complete,0,100.00,,', Number.NaN],
	['event syntax error', Number.NaN],
])('%s', (line, count) => {
	expect(countOf(line)).toBe(count);
});

test('requests of one device, by the kernel’s number of it', () => {
	expect([...requestsOf('7:2')]).toEqual([
		['all', [['block:block_rq_complete', 'dev==7340034']]],
		['reads', [['block:block_rq_complete', 'dev==7340034 && rwbs ~ "*R*"']]],
		['writes', [['block:block_rq_complete', 'dev==7340034 && rwbs ~ "*W*"']]],
	]);
});
