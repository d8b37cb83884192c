/** The lens: everything about one process on one screen, at the moment shown. */
import { Box } from 'ink';
import type { ReactElement } from 'react';
import { safe } from '../../lib/sanitize.ts';
import type { ProcessId } from '../../system/process-id.ts';
import { clock } from '../frame/header.ts';
import type { Extent } from '../layout/layout.ts';
import type { Area } from '../layout/split.ts';
import { type Piece, statusLine } from '../widgets/line.ts';
import { Lines } from '../widgets/lines.tsx';
import { type LensContent, partsOf } from './layout.ts';
import type { Subject } from './subject.ts';

/** @param gone `/proc` does not have the process now */
export function crumbOf(
	from: string,
	{ pid }: ProcessId,
	{ name, exit }: Subject,
	gone: boolean,
	past: boolean,
): Piece[] {
	const exited = exit ? ` exited at ${clock(exit.time)} ` : gone ? (past ? ' exited since ' : ' exited ') : '';
	return [
		{ spans: [from, ['dim', ' › '], ['strong', safe`${name ?? safe`process`}[${pid}]`]], drop: 0 },
		{ spans: exited === '' ? [] : [['alert', exited]], drop: 1 },
		{ spans: [['dim', 'Esc: back']], drop: 2 },
	];
}

export interface LensProps extends Area {
	content: LensContent | Error;
	scroll: Extent;
	/** First line in sight; beyond the last page: the last page. */
	offset: number;
}

export function Lens({ content, scroll: { lines, page }, offset, width, height }: LensProps): ReactElement {
	if (content instanceof Error) throw content;
	const { fixed, scrolled } = partsOf(content, { width, height });
	const first = Math.max(0, Math.min(offset, lines - page));
	const last = Math.min(lines, first + page);
	const position: Piece = {
		spans: lines > page ? [['dim', `${first + 1}–${last} of ${lines} ↑↓`]] : [],
		drop: 3,
		side: 'right',
	};
	return (
		<Box flexDirection="column">
			<Lines lines={[statusLine(width, [...content.crumb, position])]} width={width} height={1} />
			<Lines lines={fixed} width={width} height={fixed.length} />
			<Box>
				{scrolled.map((column, index) => (
					<Lines
						// biome-ignore lint/suspicious/noArrayIndexKey: a column is identified by its index
						key={index}
						lines={column.lines.slice(first, last)}
						width={column.width}
						height={page}
					/>
				))}
			</Box>
		</Box>
	);
}
