/**
 * Reasons of events with cause, severity, meaning and advice (`reasons/table.ts`); the first
 * row that fits counts. The configuration file can change every row (`[events.reasons]`).
 */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { TABLE } from './reasons/table.ts';
import type { EventCause, EventKind, EventSeverity } from './snapshot.ts';

export interface Reason {
	severity: EventSeverity;
	cause: EventCause;
	meaning: SafeText;
	advice: SafeText;
}

/** By kind, its reasons and the row of all others. */
const index = new Map<EventKind, { named: Map<string, Reason>; other: Reason }>(
	Object.entries(TABLE).map(([kind, lines]) => {
		const named = new Map<string, Reason>();
		let other: Reason | undefined;
		for (const [reasons, cause, severity, meaning, advice] of lines) {
			// the texts are this table's own
			const reason = { cause, severity, meaning: meaning as SafeText, advice: advice as SafeText };
			if (reasons === '*') other = reason;
			else for (const name of reasons.split(' ')) if (!named.has(name)) named.set(name, reason);
		}
		return [kind as EventKind, { named, other: other as Reason }];
	}),
);

/** By the table alone, without the user's changes. */
export function reasonOf(kind: EventKind, reason: string): Reason {
	const { named, other } = index.get(kind) as { named: Map<string, Reason>; other: Reason };
	return named.get(reason) ?? other;
}

/** Changes of rows: by `KIND:REASON`, `REASON` or `KIND:*`, the first of these that there is counts. */
export type ReasonChanges = Readonly<Record<string, Partial<Reason>>>;

/** The table with the user's changes. */
export class Reasons {
	private readonly changes: ReasonChanges;
	private readonly known = new Map<string, Reason>();

	constructor(changes: ReasonChanges = {}) {
		this.changes = changes;
	}

	of(kind: EventKind, reason: string): Reason {
		const id = `${kind}:${reason}`;
		let found = this.known.get(id);
		if (!found) {
			found = { ...reasonOf(kind, reason), ...this.change(kind, reason) };
			// a reason is a name of the kernel's: there are hundreds
			if (this.known.size < MOST_KNOWN) this.known.set(id, found);
		}
		return found;
	}

	/** @param own severity that the message itself has; the user's goes first */
	severityOf(kind: EventKind, reason: string, own: EventSeverity | undefined): EventSeverity {
		return this.change(kind, reason)?.severity ?? own ?? this.of(kind, reason).severity;
	}

	private change(kind: EventKind, reason: string): Partial<Reason> | undefined {
		return this.changes[`${kind}:${reason}`] ?? this.changes[reason] ?? this.changes[`${kind}:*`];
	}
}

const MOST_KNOWN = 4096;

/** The whole table, for documents and tests. */
export function reasonTable(): { kind: EventKind; reasons: string; reason: Reason }[] {
	return Object.entries(TABLE).flatMap(([kind, lines]) =>
		lines.map(([reasons, cause, severity, meaning, advice]) => ({
			kind: kind as EventKind,
			reasons,
			reason: { cause, severity, meaning: meaning as SafeText, advice: advice as SafeText },
		})),
	);
}

/** Names in `hide` and `show`: `REASON`, or `kind:REASON`, or `kind:*`. */
export class HiddenReasons {
	private readonly hide: ReadonlySet<string>;
	private readonly show: ReadonlySet<string>;
	private readonly all: boolean;
	private readonly reasons: Reasons;

	/** @param all show everything, normal events too */
	constructor(hide: readonly string[], show: readonly string[], all: boolean, reasons = new Reasons()) {
		this.reasons = reasons;
		this.hide = new Set(hide);
		this.show = new Set(show);
		this.all = all;
	}

	has(kind: EventKind, reason: string): boolean {
		const names = [`${kind}:${reason}`, reason, `${kind}:*`];
		for (const name of names) {
			if (this.show.has(name)) return false;
			if (this.hide.has(name)) return true;
		}
		return !this.all && this.reasons.of(kind, reason).severity === 'normal';
	}
}

export const NOT_KNOWN = safe`not known`;
