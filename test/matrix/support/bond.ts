/** A bond in a shell script. */

/** LACP over two ports, with an address. */
export function bond(ports: readonly string[], address: string): string {
	const add = ports.map((port) => `ip link set ${port} down; ip link set ${port} master bond0; ip link set ${port} up`);
	return `ip link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast
		${add.join('\n')}
		ip link set bond0 up
		ip addr add ${address} dev bond0`;
}
