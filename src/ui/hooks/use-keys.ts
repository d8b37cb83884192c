/** Keys from standard input. */
import { useStdin } from 'ink';
import { useEffect, useEffectEvent, useReducer, useRef } from 'react';
import { KeyParser } from '../../term/keys.ts';

/** An Esc is a key of its own when nothing follows for so long, ms; over slow lines sequences arrive in pieces. */
const escapeMs = 50;

/**
 * Calls `onKey` with names from `term/keys.ts`. Keys that arrive together are handled one per render, so that each one
 * sees the state after the one before it. Raw mode is set by term/terminal.ts.
 */
export function useKeys(onKey: (key: string) => void): void {
	const { stdin } = useStdin();
	const queue = useRef<string[]>([]);
	const [turn, nextTurn] = useReducer((count: number) => count + 1, 0);
	const handleNext = useEffectEvent(() => {
		const key = queue.current.shift();
		if (key !== undefined) onKey(key);
		if (queue.current.length > 0) nextTurn();
	});
	useEffect(() => {
		if (turn > 0) handleNext();
	}, [turn]);
	useEffect(() => {
		const parser = new KeyParser();
		let timer: NodeJS.Timeout | undefined;
		const take = (keys: string[]) => {
			const idle = queue.current.length === 0;
			queue.current.push(...keys);
			if (idle) handleNext();
		};
		const onData = (chunk: Buffer | string) => {
			clearTimeout(timer);
			take(parser.push(chunk.toString()));
			if (parser.pending) timer = setTimeout(() => take(parser.flush()), escapeMs);
		};
		stdin.on('data', onData);
		return () => {
			clearTimeout(timer);
			stdin.off('data', onData);
		};
	}, [stdin]);
}
