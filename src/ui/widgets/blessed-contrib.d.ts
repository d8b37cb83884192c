/** The parts of blessed-contrib that `chart.ts` uses; the package declares only its blessed widgets. */
declare module 'blessed-contrib/lib/widget/charts/line.js' {
	export interface LineOptions {
		width: number;
		height: number;
		minY: number;
		maxY: number;
		numYLabels: number;
		showNthLabel: number;
		xLabelPadding: number;
		xPadding: number;
		style: { text: string; baseline: string };
	}
	export interface LineSeries {
		x: string[];
		y: number[];
		style: { line: string };
	}
	export default class Line {
		constructor(options: LineOptions);
		canvasSize: { width: number; height: number };
		ctx: import('drawille-canvas-blessed-contrib').Context;
		calcSize(): void;
		setData(data: LineSeries[]): void;
	}
}

declare module 'drawille-canvas-blessed-contrib' {
	/** The canvas of a drawing context; sizes and positions in dots, 2 × 4 per cell. */
	export interface DotCanvas {
		/** Colours of the next dots and the next text. */
		color: string;
		fontFg: string;
		set(x: number, y: number): void;
		unset(x: number, y: number): void;
		writeText(text: string, x: number, y: number): void;
		measureText(text: string): { width: number };
	}
	export interface Context {
		clearRect(x: number, y: number, width: number, height: number): void;
	}
	export class Canvas {
		constructor(width: number, height: number, canvas: new (width: number, height: number) => DotCanvas);
		getContext(): Context;
	}
}
