/** Units for signatures; names of fields carry them too (`_ns`, `_uj`, `_bytes`). */

/** Nanoseconds, an integer in a double: exact up to 2^53 ns (104 days), beyond that to 2 ns. */
export type Ns = number;
/** Microjoules. */
export type MicroJoules = number;
export type Watts = number;
export type Bytes = number;
/** Events; the field's name states since when (`count`: this interval, `count_total`: since start). */
export type Count = number;
