/** Apart from the archive: the command line checks it without loading that. */

/** Longest text of a mark, characters. */
export const MAX_MARK = 200;
