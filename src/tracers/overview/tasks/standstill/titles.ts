/** What titles of processes say: servers write into them what a session does (setproctitle). */

/** Session of a parallel worker of PostgreSQL, whose leader waits for it: `parallel worker for PID 812`. */
export const HELPER = /\bparallel worker for PID (\d+)/;
/** Titles by which a server says that a session has locks, or waits for one (PostgreSQL). */
export const IN_TRANSACTION = /\bin transaction\b/;
export const WAITING_TITLE = / waiting(?: for [\w/]+)?\s*$/;
