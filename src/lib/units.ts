/** Units are part of every name that carries a number; these aliases let signatures say them too. */

/** Nanoseconds, as an integer in a double: exact up to 2^53 ns (104 days), 2 ns coarse beyond. */
export type Ns = number;
/** Microjoules. */
export type MicroJoules = number;
export type Watts = number;
export type Bytes = number;
/** Events since some point named by the field (`count`: this interval, `count_total`: since start). */
export type Count = number;
