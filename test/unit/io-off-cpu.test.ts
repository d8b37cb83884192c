import { expect, test } from 'vitest';
import { offCpu } from '../../src/io/slow.ts';

const call = {
	tid: 7,
	entry_ns: 1000,
	return_ns: 2000,
	blocked_ns: 600,
	runqueue_ns: 100,
	preempted_ns: 50,
	unused: 0,
};
const request = { tid: 7, mono_ns: 1900, stages: { device: 700, total: 800 } };

test('a slow request gets the call around it, whose parts add up', () => {
	expect(offCpu(request, [{ ...call, entry_ns: 2100, return_ns: 2200 }, call])).toEqual({
		call_ns: 1000,
		running_ns: 250,
		blocked_ns: 600,
		runqueue_ns: 100,
		preempted_ns: 50,
		irq_ns: null,
	});
});

test('none of another thread, and none that began later or ended before', () => {
	expect(offCpu(request, [])).toBeNull();
	expect(offCpu({ ...request, tid: 8 }, [call])).toBeNull();
	expect(offCpu({ ...request, mono_ns: 1799 }, [call])).toBeNull();
	expect(offCpu({ ...request, mono_ns: 2001 }, [call])).toBeNull();
});
