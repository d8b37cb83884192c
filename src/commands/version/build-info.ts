/** What a release says of itself. scripts/bundle.ts puts it in place of the name; the checkout's bundle leaves it undefined. */
declare const WATTLAG_BUILD: { commit: string } | undefined;

/** Of git, 40 digits; with `-changed` where sources were not committed. undefined: run from a checkout. */
export const releasedCommit = typeof WATTLAG_BUILD === 'undefined' ? undefined : WATTLAG_BUILD.commit;
