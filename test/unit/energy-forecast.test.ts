/** The energy forecast on made-up loads: seeded, so that every run is the same. */
import { expect, test } from 'vitest';
import { EnergyForecast, type Forecast, type ForecastSample } from '../../src/tracers/energy/forecast.ts';

/** Uniform in 0–1, the same sequence every time. */
function random(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 1_664_525 + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

/** A machine of 5–45 W whose utilisation is given per second. */
function feed(
	load: (second: number) => Partial<ForecastSample> & { utilisation: number },
	seconds: number,
	horizon: number,
): Forecast | undefined {
	const forecast = new EnergyForecast();
	forecast.forecast(horizon);
	for (let second = 0; second < seconds; second++) {
		const sample = load(second);
		forecast.update({ seconds: 1, joules: 5 + 40 * sample.utilisation, ...sample });
	}
	return forecast.forecast(horizon);
}

function sound(result: Forecast | undefined): void {
	if (result === undefined) return;
	for (const value of Object.values(result)) {
		expect(Number.isFinite(value)).toBe(true);
		expect(value).toBeGreaterThanOrEqual(0);
	}
}

test('learning first: no forecast before some have come due', () => {
	const steady = () => ({ utilisation: 0.5 });
	expect(feed(steady, 0, 5)).toBeUndefined();
	expect(feed(steady, 1, 5)).toBeUndefined();
	expect(feed(steady, 18, 5)).toBeUndefined();
	expect(feed(steady, 19, 5)?.samples).toBe(10);
});

test('a steady load goes on, without error', () => {
	const result = feed(() => ({ utilisation: 0.5, frequency_ghz: 2.4, io_per_s: 0 }), 100, 10) as Forecast;
	expect(result.joules).toBeCloseTo(250, 6);
	expect(result.error_share).toBeCloseTo(0, 9);
	expect(result.naive_error_share).toBeCloseTo(0, 9);
});

test.each([
	['a wave', (second: number) => 0.5 + 0.4 * Math.sin(second / 20), 0.3],
	['a square wave', (second: number) => (second % 60 < 30 ? 0.9 : 0.1), 0.8],
	['a sawtooth', (second: number) => (second % 50) / 50, 0.8],
])('%s is predicted better than "as before"', (_name, load, part) => {
	const result = feed((second) => ({ utilisation: load(second) }), 900, 10) as Forecast;
	expect(result.error_share).toBeLessThan(result.naive_error_share * part);
});

test('IO that comes before the work helps, and leaving it out only costs the help', () => {
	const phase = (second: number) => {
		const at = second % 90;
		// reading at a moment that varies, then computing: only the IO rate gives it away
		const begin = 20 + ((Math.floor(second / 90) * 37) % 50);
		return { reading: at >= begin && at < begin + 10, computing: at >= begin + 10 && at < begin + 20 };
	};
	const utilisation = (second: number) => (phase(second).computing ? 0.9 : 0.1);
	const blind = feed((second) => ({ utilisation: utilisation(second) }), 1800, 20) as Forecast;
	const seeing = feed(
		(second) => ({ utilisation: utilisation(second), io_per_s: phase(second).reading ? 800 : 10 }),
		1800,
		20,
	) as Forecast;
	expect(seeing.error_share).toBeLessThan(blind.error_share * 0.9);
	expect(blind.error_share).toBeLessThanOrEqual(blind.naive_error_share);
});

test('noise cannot be predicted, and is not made worse', () => {
	const next = random(1);
	const result = feed(() => ({ utilisation: next() }), 900, 10) as Forecast;
	expect(result.error_share).toBeLessThan(result.naive_error_share * 1.05);
});

test('features that appear late or come and go do no harm', () => {
	const next = random(2);
	const load = (second: number) => ({
		utilisation: 0.5 + 0.4 * Math.sin(second / 20),
		...(second > 300 && next() < 0.5 ? { frequency_ghz: 2 + next(), io_per_s: 1000 * next() } : {}),
	});
	const result = feed(load, 900, 10) as Forecast;
	expect(result.error_share).toBeLessThan(result.naive_error_share * 0.5);
});

test('one absurd interval is forgotten once it has left the last N seconds', () => {
	const result = feed(
		(second) => ({ utilisation: 0.5, ...(second === 100 ? { joules: 50_000 } : {}) }),
		130,
		10,
	) as Forecast;
	expect(result.joules / 250).toBeGreaterThan(0.95);
	expect(result.joules / 250).toBeLessThan(1.05);
});

test('a broken counter is left out', () => {
	const broken = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300];
	const result = feed(
		(second) => ({ utilisation: 0.5, ...(second % 3 === 0 ? { joules: broken[(second / 3) % 4] as number } : {}) }),
		100,
		10,
	) as Forecast;
	expect(result.joules).toBeCloseTo(250, 6);
});

test('no power at all: nothing predicted, no error', () => {
	expect(feed(() => ({ utilisation: 0, joules: 0 }), 60, 10)).toEqual({
		joules: 0,
		error_share: 0,
		naive_error_share: 0,
		samples: 41,
	});
});

test('intervals of uneven length and a suspended machine', () => {
	const next = random(3);
	const forecast = new EnergyForecast();
	forecast.forecast(10);
	for (let i = 0; i < 600; i++) {
		const seconds = i === 300 ? 3600 : 0.2 + next();
		forecast.update({ seconds, joules: 25 * seconds, utilisation: 0.5 });
	}
	const result = forecast.forecast(10) as Forecast;
	expect(result.joules).toBeCloseTo(250, 3);
	expect(result.error_share).toBeLessThan(1e-6);
});

test('many short updates in a long horizon', () => {
	const forecast = new EnergyForecast();
	forecast.forecast(60);
	for (let i = 0; i < 3000; i++) forecast.update({ seconds: 0.1, joules: 2.5, utilisation: 0.5 });
	expect(forecast.forecast(60)?.joules).toBeCloseTo(1500, 3);
});

test('lengths are learned for one by one, four at most', () => {
	const forecast = new EnergyForecast();
	for (const seconds of [1, 2, 3, 4]) expect(forecast.forecast(seconds)).toBeUndefined();
	for (let i = 0; i < 50; i++) forecast.update({ seconds: 1, joules: 10, utilisation: 0.2 });
	expect([1, 2, 3, 4].map((seconds) => forecast.forecast(seconds)?.joules)).toEqual(
		[10, 20, 30, 40].map((joules) => expect.closeTo(joules, 6)),
	);
	expect(forecast.forecast(5)).toBeUndefined();
	expect(forecast.forecast(4)).toBeDefined();
	expect(forecast.forecast(1)).toBeUndefined();
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d seconds are none', (seconds) => {
	const forecast = new EnergyForecast();
	forecast.update({ seconds: 1, joules: 10, utilisation: 0.2 });
	expect(forecast.forecast(seconds)).toBeUndefined();
});

test.each([11, 12, 13, 14, 15])('whatever comes (seed %i): finite, never negative, within the powers seen', (seed) => {
	const next = random(seed);
	const odd = [0, 1e-300, 1e-9, 1, 1e5, 1e6, 1e9, 1e300, -1, Number.NaN, Number.POSITIVE_INFINITY];
	const any = () =>
		next() < 0.8 ? next() * 10 ** Math.floor(next() * 6 - 3) : (odd[Math.floor(next() * odd.length)] as number);
	const forecast = new EnergyForecast();
	for (let i = 0; i < 2000; i++) {
		forecast.update({
			seconds: any(),
			joules: any(),
			utilisation: any(),
			...(next() < 0.7 ? { frequency_ghz: any() } : {}),
			...(next() < 0.7 ? { io_per_s: any() } : {}),
		});
		for (const horizon of [1, 10]) sound(forecast.forecast(horizon));
	}
});
