/** Packets of known number. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Through the loopback device, one at a time; resolves when all have been read. */
export async function sendDatagrams(count: number, bytes: number): Promise<void> {
	const receiver = createSocket('udp4');
	const sender = createSocket('udp4');
	receiver.bind(0, '127.0.0.1');
	await once(receiver, 'listening');
	const { port } = receiver.address();
	for (let sent = 0; sent < count; sent++) {
		const received = once(receiver, 'message');
		sender.send(Buffer.alloc(bytes), port, '127.0.0.1');
		await received;
	}
	sender.close();
	receiver.close();
}
