/** The command line as text; `resolve.ts` checks the values. */
import { UsageError } from '../core/errors.ts';

/** The command line as it was typed, every option known. */
export interface Flags {
	/** First word: the command of that name. */
	word?: string;
	/** The word behind it, of commands that take one. */
	argument?: string;
	/** Further ones. */
	more?: readonly string[];
	/** What follows `--`. */
	rest?: readonly string[];
	/** Help is asked for, of this command: by its word, whatever else is missing. */
	help?: string;
	/** By name; only those that were given: switches as `true` or `false` or the word after `=`, others as text. */
	options: Readonly<Record<string, unknown>>;
}

export const noFlags: Flags = { options: {} };

/** The file that the user named, before anything else is known. */
export function configPath({ options }: Flags): string | undefined {
	if (options['config'] === '') throw new UsageError('--config needs a value: --config FILE');
	return options['config'] as string | undefined;
}
