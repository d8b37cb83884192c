/** Rows of finished text in a box of fixed size: the leaf of the component tree, in which every widget ends. */
import { Box, type DOMElement, measureElement, Text } from 'ink';
import { createContext, memo, type ReactElement, useContext, useLayoutEffect, useRef } from 'react';
import type { Position, Slots } from '../../term/slots.ts';
import type { Span } from '../../term/theme.ts';
import type { Area } from '../layout/split.ts';
import { lineOf } from './line.ts';

/** null: Ink draws the lines (tests, `renderToString`). */
export const SlotsContext = createContext<Slots | null>(null);

export interface LinesProps {
	/** Text with SGR, no other control; cut at `width`. */
	lines: readonly string[];
	/** Cells. */
	width: number;
	/** Rows; missing lines are blank, surplus ones are not shown. */
	height: number;
}

export const Lines = memo(function Lines(props: LinesProps): ReactElement | null {
	const slots = useContext(SlotsContext);
	if (props.width < 1 || props.height < 1) return null;
	return slots ? <Slot slots={slots} {...props} /> : <Plain {...props} />;
});

/** A widget made of lines of text, computed again when a property has changed. */
export function drawn<Props extends Area>(linesOf: (props: Props) => readonly string[]) {
	return memo((props: Props) => <Lines lines={linesOf(props)} width={props.width} height={props.height} />);
}

/** Lines of spans, each cut at `width`; those beyond `height` are not shown. */
export function SpanLines({ lines, width, height }: Area & { lines: readonly (readonly Span[])[] }): ReactElement {
	const text = lines.slice(0, height).map((spans) => lineOf(width, spans));
	return <Lines lines={text} width={width} height={height} />;
}

/** Position of a box, and its rows that enclosing boxes do not hide. */
function positionOf(box: DOMElement): Position {
	const { x, y, height } = measureElement(box);
	let bottom = y + height;
	for (let around = box.parentNode; around; around = around.parentNode) {
		if (around.style.overflow !== 'hidden') continue;
		const outer = measureElement(around);
		bottom = Math.min(bottom, outer.y + outer.height);
	}
	return { x, y, height: bottom - y };
}

const nowhere: Position = { x: 0, y: 0, height: 0 };

function Slot({ slots, lines, width, height }: LinesProps & { slots: Slots }): ReactElement {
	const box = useRef<DOMElement>(null);
	useLayoutEffect(() => {
		slots.set(box, { lines, width, position: () => (box.current ? positionOf(box.current) : nowhere) });
	}, [slots, lines, width]);
	useLayoutEffect(() => () => slots.release(box), [slots]);
	return <Box ref={box} width={width} height={height} flexShrink={0} />;
}

function Plain({ lines, width, height }: LinesProps): ReactElement {
	return (
		<Box width={width} height={height} flexShrink={0} flexDirection="column" overflow="hidden">
			{Array.from({ length: height }, (_, row) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is identified by its index
				<Text key={row} wrap="truncate">
					{lines[row] || ' '}
				</Text>
			))}
		</Box>
	);
}
