import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { existsSync } from 'node:fs';
import { spawnInNamespace } from './process.js';

export interface Forward {
  /** On 127.0.0.1 of the tests' own network. */
  readonly port: number;
  close(): Promise<void>;
}

/** The half inside the namespace, for `node -e`: takes connections on a Unix socket and passes them on to a TCP port there. */
const inside = `
const net = require('node:net');
const [socket, host, port] = process.argv.slice(1);
net.createServer((near) => {
  const far = net.connect(Number(port), host);
  near.pipe(far); far.pipe(near);
  near.on('error', () => far.destroy()); far.on('error', () => near.destroy());
}).listen(socket);
`;

/**
 * Makes a TCP port of a namespace reachable from the tests themselves, which live outside the lab: namespaces share
 * the file system, so a Unix socket leads in.
 */
export async function forwardPort(
  at: { readonly netns: string; readonly dir: string },
  target: { readonly host: string; readonly port: number },
): Promise<Forward> {
  const socket = `${at.dir}/forward-${target.host}-${target.port}-${process.hrtime.bigint()}`;
  const relay = await spawnInNamespace(['node', '-e', inside, socket, target.host, String(target.port)], {
    netns: at.netns,
    name: 'forward',
  });
  const deadline = Date.now() + 10_000;
  while (!existsSync(socket)) {
    if (Date.now() > deadline) throw new Error(`the forward does not start:\n${relay.console.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(socket);
    for (const end of [near, far]) {
      open.add(end);
      end.once('close', () => open.delete(end));
    }
    near.pipe(far);
    far.pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const end of open) end.destroy();
      server.close();
      await relay.stop();
    },
  };
}
