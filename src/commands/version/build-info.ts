/** Facts about the build of a release. scripts/bundle.ts replaces the name by them; the checkout's bundle leaves it undefined. */
declare const WATTLAG_BUILD: { commit: string } | undefined;

/** Of git, 40 digits; with `-changed` where sources were not committed. undefined: run from a checkout. */
export const releasedCommit = typeof WATTLAG_BUILD === 'undefined' ? undefined : WATTLAG_BUILD.commit;
