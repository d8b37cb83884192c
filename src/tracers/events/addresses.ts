/** Addresses, protocols and flags of packets as text. Nothing here asks a name server. */
import { type SafeText, safe } from '../../lib/sanitize.ts';

const PROTOCOLS: Readonly<Record<number, SafeText>> = {
	1: safe`icmp`,
	2: safe`igmp`,
	6: safe`tcp`,
	17: safe`udp`,
	47: safe`gre`,
	50: safe`esp`,
	58: safe`icmpv6`,
	132: safe`sctp`,
};

/** Empty: no IP packet. */
export function protocolName(protocol: number): SafeText {
	if (protocol === 0) return safe``;
	return PROTOCOLS[protocol] ?? safe`ip ${protocol}`;
}

const TCP_STATES: readonly SafeText[] = [
	safe``,
	safe`ESTABLISHED`,
	safe`SYN_SENT`,
	safe`SYN_RECV`,
	safe`FIN_WAIT1`,
	safe`FIN_WAIT2`,
	safe`TIME_WAIT`,
	safe`CLOSE`,
	safe`CLOSE_WAIT`,
	safe`LAST_ACK`,
	safe`LISTEN`,
	safe`CLOSING`,
	safe`NEW_SYN_RECV`,
];

export function tcpState(state: number): SafeText {
	return TCP_STATES[state] ?? safe``;
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;

/** `SYN ACK` */
export function tcpFlags(flags: number): SafeText {
	return FLAGS.filter((_, bit) => flags & (1 << bit)).join(' ') as SafeText;
}

/** `192.0.2.1`, `2001:db8::1`; family as the kernel has it. Empty: no address. */
export function addressText(family: number, bytes: Uint8Array): SafeText {
	if (family === 2) return bytes.subarray(0, 4).join('.') as SafeText;
	if (family !== 10) return safe``;
	const words = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] as number) << 8) | (bytes[i * 2 + 1] as number));
	if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff)
		return `::ffff:${bytes.subarray(12, 16).join('.')}` as SafeText;
	// the longest run of zeros, of at least two, becomes ::
	let best = { at: -1, length: 1 };
	for (let at = 0; at < 8; at++) {
		let length = 0;
		while (at + length < 8 && words[at + length] === 0) length++;
		if (length > best.length) best = { at, length };
	}
	const text = (part: number[]) => part.map((word) => word.toString(16)).join(':');
	if (best.at < 0) return text(words) as SafeText;
	return `${text(words.slice(0, best.at))}::${text(words.slice(best.at + best.length))}` as SafeText;
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`, without a port where it is 0. */
export function endpointText(address: SafeText, port: number): SafeText {
	if (port === 0) return address;
	return address.includes(':') ? safe`[${address}]:${port}` : safe`${address}:${port}`;
}
