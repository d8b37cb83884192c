/** The one leaf of the screen: rows of finished text in a box of fixed size. Every widget ends here. */
import { Box, Text } from 'ink';
import { memo, type ReactElement, useContext, useLayoutEffect, useMemo, useState } from 'react';
import { markerText, type Slots, SlotsContext } from '../term/slots.ts';

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

function Slot({ slots, lines, width, height }: LinesProps & { slots: Slots }): ReactElement {
	const [id] = useState(() => slots.allocate());
	const text = useMemo(() => markerText(id, height), [id, height]);
	useLayoutEffect(() => slots.set(id, { lines, width }), [slots, id, lines, width]);
	useLayoutEffect(() => () => slots.release(id), [slots, id]);
	return (
		<Box width={width} height={height} flexShrink={0}>
			<Text>{text}</Text>
		</Box>
	);
}

function Plain({ lines, width, height }: LinesProps): ReactElement {
	return (
		<Box width={width} height={height} flexShrink={0} flexDirection="column" overflow="hidden">
			{Array.from({ length: height }, (_, row) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its index.
				<Text key={row} wrap="truncate">
					{lines[row] || ' '}
				</Text>
			))}
		</Box>
	);
}
