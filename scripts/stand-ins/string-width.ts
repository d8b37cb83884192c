/**
 * Replaces string-width in the bundle: Ink measures no text of ours, and the emoji tables that string-width builds at load
 * take a quarter of the start-up time.
 */
export { textWidth as default } from '../../src/lib/width.ts';
