/** A line above everything: what is shown is no longer measured. */
import type { SafeText } from '../../lib/sanitize.ts';
import { paint } from '../../term/theme.ts';
import { drawn } from '../widgets/lines.tsx';
import type { Area } from '../widgets/split.ts';

interface BannerProps extends Area {
	message: SafeText;
	restarting: boolean;
}

export const Banner = drawn(({ message, restarting }: BannerProps) => [
	paint('alert', ` sampling failed, figures are old${restarting ? ', starting again' : ''}: ${message}`),
]);
