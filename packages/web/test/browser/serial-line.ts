import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** The far end of a serial line behind a port of TCP: shows a login, and says back what is typed. */
export interface SerialLine {
  readonly port: number;
  /** Everything, so far. */
  typed(): string;
  /** Ends the connections there are; others are taken. */
  drop(): void;
  close(): void;
}

export const openSerialLine = async (): Promise<SerialLine> => {
  const sockets = new Set<Socket>();
  let typed = '';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (keys) => {
      typed += keys.toString();
      socket.write(keys.toString().replaceAll('\r', '\r\n'));
    });
    socket.write('\u001b[1;32mDebian GNU/Linux 13 sign-17 ttyAMA0\u001b[0m\r\n\r\nsign-17 login: ');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    typed: () => typed,
    drop,
    close: () => {
      drop();
      server.close();
    },
  };
};
