/** Keys for the component that handles them. */
import { useStdin } from 'ink';
import { useEffect, useEffectEvent, useReducer, useRef } from 'react';
import { KeyParser } from '../../term/keys.ts';

/** An Esc alone is a key when nothing follows for so long; over slow lines sequences come in pieces. */
const escapeMs = 50;

/**
 * Calls `onKey` with names as `term/keys.ts` gives them. Keys that arrive together are handled one per render, so that
 * each one sees what the one before it did. Raw mode is the terminal's affair, not this hook's.
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
