/** Two lines at the bottom: what is lost and what the tool itself costs, and the keys. */
import { type ReactElement, useMemo } from 'react';
import { formatBytes, formatCount, formatShare } from '../format.ts';
import { textWidth } from '../term/width.ts';
import { keymap } from './keymap.ts';
import { lineOf, type Piece, statusLine } from './line.ts';
import { Lines } from './lines.tsx';
import { paint, type Span } from './theme.ts';

export interface OwnCost {
	/** BPF programs of all tabs and the whole process, as shares of one CPU. */
	bpf: number;
	cpu: number;
	rssBytes: number;
}

export interface FooterProps {
	/** Lost since start by cause. */
	lost: Readonly<Record<string, number>>;
	cost: OwnCost | null;
	/** Position and number of rows; selected -1: none. */
	selected: number;
	rows: number;
	filter: string;
	/** The filter is being typed. */
	typing: boolean;
	width: number;
	height: number;
}

function lostSpans(lost: FooterProps['lost']): Span[] {
	const causes = Object.entries(lost).filter(([, count]) => count > 0);
	if (causes.length === 0) return [['dim', 'lost 0']];
	return [['bad', `lost ${causes.map(([cause, count]) => `${cause} ${formatCount(count)}`).join(', ')}`]];
}

function statusOf({ lost, cost, selected, rows, filter, width }: FooterProps): string {
	const position: Span[] =
		selected >= 0 ? [['strong', `${selected + 1}`], ['dim', '/'], `${rows}`] : [`${rows}`, ['dim', ' rows']];
	const pieces: Piece[] = [
		{
			spans:
				filter === ''
					? []
					: [
							['dim', 'filter '],
							['accent', filter],
						],
			drop: 1,
		},
		{ spans: position, drop: 3 },
		{ spans: lostSpans(lost), drop: 0 },
		{
			spans: cost
				? [
						['dim', 'own cost: BPF '],
						formatShare(cost.bpf),
						['dim', ' CPU '],
						formatShare(cost.cpu),
						['dim', ' RSS '],
						formatBytes(cost.rssBytes, 'full'),
					]
				: [],
			drop: 2,
			side: 'right',
		},
	];
	return statusLine(width, pieces);
}

function hintLine(width: number): string {
	const hints = keymap
		.filter((binding) => binding.hint !== undefined)
		.sort((a, b) => (a.hintOrder ?? 99) - (b.hintOrder ?? 99));
	let line = '';
	let used = 0;
	for (const binding of hints) {
		const key = binding.keys[0] === 'Space' ? 'Spc' : binding.keys[0] === 'Enter' ? 'Ret' : (binding.keys[0] as string);
		const label = `${binding.hint} `;
		const cells = textWidth(key) + textWidth(label) + 1;
		if (used + cells > width) break;
		line += `${paint('strong', key)}${paint('hint', label)} `;
		used += cells;
	}
	return line;
}

function promptLine(filter: string, width: number): string {
	return lineOf(width, [['strong', '/'], filter, ['hint', ' '], ['dim', '   Enter keeps, Esc clears']]);
}

export function Footer(props: FooterProps): ReactElement {
	const lines = useMemo(() => {
		const bottom = props.typing ? promptLine(props.filter, props.width) : hintLine(props.width);
		return props.height >= 2 ? [statusOf(props), bottom] : [bottom];
	}, [props]);
	return <Lines lines={lines} width={props.width} height={props.height} />;
}
