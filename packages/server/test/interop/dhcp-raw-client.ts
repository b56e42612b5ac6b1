/**
 * Sends DHCP messages as they are and prints every answer, to be run inside a network namespace.
 * Arguments: milliseconds to listen, then for each message `dhcp:HEX` (broadcast to port 67) or `ADDRESS:HEX` (to port
 * 4011 of that address, from port 4011). Prints one answer a line: sending address, hex bytes.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [listenMs = '1000', ...messages] = process.argv.slice(2);

async function open(port: number) {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (bytes, from) => process.stdout.write(`${from.address} ${bytes.toString('hex')}\n`));
  socket.bind(port);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  return socket;
}

const client = await open(68);
const pxe = await open(4011);
for (const message of messages) {
  const [where = '', hex = ''] = message.split(':');
  const bytes = Buffer.from(hex, 'hex');
  if (where === 'dhcp') client.send(bytes, 67, '255.255.255.255');
  else pxe.send(bytes, 4011, where);
}
setTimeout(() => {
  client.close();
  pxe.close();
}, Number(listenMs));
