/** Current size of the screen. */
import { useStdout } from 'ink';
import { useEffect, useState } from 'react';
import type { Size } from '../../term/diff.ts';

function sizeOf({ columns, rows }: { columns?: number; rows?: number }): Size {
	return { columns: columns ?? 80, rows: rows ?? 24 };
}

export function useSize(): Size {
	const stdout: { columns?: number; rows?: number } & NodeJS.EventEmitter = useStdout().stdout;
	const [size, setSize] = useState(() => sizeOf(stdout));
	useEffect(() => {
		const onResize = () => setSize(sizeOf(stdout));
		stdout.on('resize', onResize);
		return () => {
			stdout.off('resize', onResize);
		};
	}, [stdout]);
	return size;
}
