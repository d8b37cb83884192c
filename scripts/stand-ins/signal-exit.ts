/**
 * Replaces `signal-exit` in the bundle: with it Ink would catch a dozen deadly signals (SIGABRT, SIGALRM, …), unmount itself
 * and leave the program running without a screen. `term/lifecycle.ts` handles all ends.
 */
export default (): (() => void) => () => {};
