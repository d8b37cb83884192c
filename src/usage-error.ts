/** The user's mistake (option, filter, configuration) in one line, with the place and the fix. Exit code 2. */
export class UsageError extends Error {}
