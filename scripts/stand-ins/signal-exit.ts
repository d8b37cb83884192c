/**
 * Stands in for `signal-exit` in the bundle: with it Ink would catch a dozen deadly signals (SIGABRT, SIGALRM, …), unmount
 * itself and let the program live on without a screen. `term/lifecycle.ts` sees to ends of all kinds.
 */
export default (): (() => void) => () => {};
