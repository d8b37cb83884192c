/** What the screen asks of the program around it. */
import type { Options } from '../core/tracer.ts';
import type { Inspect } from './lens/use-details.ts';

export interface AppActions {
	quit(): void;
	suspend(): void;
	redraw(): void;
	/** Seconds. */
	setInterval(seconds: number): void;
	setGroup(tab: string, group: string): void;
	/** A tab is opened, also at the start. */
	setActiveTab(tab: string): void;
	/** Options of a tracer that change while it runs. */
	tune(tab: string, changes: Options): void;
	/** To the clipboard of the terminal. */
	copy(text: string): void;
	/** Writes all that is kept to a file; resolves with what to tell the user. */
	record(): Promise<string>;
	/** What is known of a process beside its figures. */
	inspect: Inspect;
}
