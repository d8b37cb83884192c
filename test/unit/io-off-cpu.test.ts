import { expect, test } from 'vitest';
import { callAround, fullStages, offCpu } from '../../src/tracers/io/slow.ts';

const call = {
	tid: 7,
	entry_ns: 1000,
	woken_ns: 1950,
	return_ns: 2000,
	blocked_ns: 600,
	runqueue_ns: 100,
	preempted_ns: 50,
	unused: 0,
};
const request = { tid: 7, mono_ns: 1900, stages: { device: 700, total: 800 } };

test('a slow request belongs to the call around it', () => {
	expect(callAround(request, [{ ...call, entry_ns: 2100, return_ns: 2200 }, call])).toBe(call);
});

test('to none of another thread, and to none that began later or ended before', () => {
	expect(callAround(request, [])).toBeUndefined();
	expect(callAround({ ...request, tid: 8 }, [call])).toBeUndefined();
	expect(callAround({ ...request, mono_ns: 1799 }, [call])).toBeUndefined();
	expect(callAround({ ...request, mono_ns: 2001 }, [call])).toBeUndefined();
});

test('the parts of a call add up', () => {
	expect(offCpu(call)).toEqual({
		call_ns: 1000,
		running_ns: 250,
		blocked_ns: 600,
		runqueue_ns: 100,
		preempted_ns: 50,
		irq_ns: null,
	});
});

test('stages of the call around those of the request, where it waited for that one only', () => {
	expect(fullStages(request, call)).toEqual({ fs: 100, device: 700, wake: 50, return: 50, total: 800 });
	expect(fullStages(request, { ...call, woken_ns: 0 })).toEqual(request.stages);
});
