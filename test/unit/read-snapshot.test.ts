import { expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { completed } from '../../src/sampling/read-snapshot.ts';

const rest = { bpf_measured_ns: 0, bpf_price_age_ns: 0 };
const known = { ...rest, bpf_ns: 900_000, bpf_runs: 9000, bpf_uncertainty: 0.1 };
const unknown = (bpf_runs: number) => ({
	...rest,
	...{ bpf_ns: null, bpf_runs, bpf_uncertainty: null, bpf_why: safe`not measured yet` },
});

test('few runs without a price cost what others cost, give or take all of it', () => {
	expect(completed([known, unknown(500)])).toEqual([
		known,
		{ ...rest, bpf_ns: 50_000, bpf_runs: 500, bpf_uncertainty: 1 },
	]);
});

test('many runs without a price are not known, nor are all', () => {
	for (const costs of [[known, unknown(2000)], [unknown(5)], [{ ...known, bpf_ns: 0, bpf_runs: 0 }, unknown(5)]])
		expect(completed(costs)).toEqual(costs);
});
