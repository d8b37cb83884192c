/** What the terminal can show. */
import { type AppearanceChoice, appearanceOf } from '../../term/theme.ts';
import { type Check, check } from './check.ts';

type Env = Record<string, string | undefined>;
type Stream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>;

/** Smaller ones show less than a row of every tab. */
const LEAST = { columns: 40, rows: 10 };

/** @param streams of which the first terminal is meant: the output may go to a file */
export function terminalChecks(env: Env, choice: AppearanceChoice, streams: readonly Stream[]): Check[] {
	const { theme, colours, ascii } = appearanceOf(env, choice);
	const screen = streams.find(({ isTTY }) => isTTY);
	const small = screen && (screen.columns < LEAST.columns || screen.rows < LEAST.rows);
	return [
		screen
			? check('size', small ? 'less' : 'ok', `${screen.columns} × ${screen.rows}`, small ? 'at least 40 × 10' : '')
			: check('size', 'info', 'no terminal here: the screen needs one, --batch does not'),
		check(
			'colours',
			'info',
			`${theme === 'monochrome' ? 'none' : colours}, theme ${theme} (TERM ${env['TERM'] || 'not set'})`,
		),
		ascii
			? check('characters', 'less', '7-bit only, by locale, TERM or --ascii', 'export LC_ALL=C.UTF-8')
			: check('characters', 'ok', 'UTF-8'),
	];
}
