/** The length of an interval, which + and - change. */
import { useState } from 'react';

/** s. */
const delays = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60];

/** Seconds, and a function that sets the next longer (1) or shorter (-1) interval. */
export function useDelay(initial: number, onChange: (seconds: number) => void): [number, (step: 1 | -1) => void] {
	const [delay, setDelay] = useState(initial);
	const change = (step: 1 | -1) => {
		const at = delays.findIndex((candidate) => candidate >= delay - 1e-9);
		const next = delays[Math.max(0, Math.min(delays.length - 1, (at < 0 ? delays.length : at) + step))] as number;
		if (next === delay) return;
		setDelay(next);
		onChange(next);
	};
	return [delay, change];
}
