import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { freePort, startServer, type Finished, type TestServer } from '../../../server/test/system/server.js';

export interface House {
  readonly server: TestServer;
  /** For what the test brings along. */
  readonly folder: string;
  /** Switches simulated boards on; the result is that of `drover simulate`. */
  simulate(...args: string[]): Promise<Finished>;
  close(): Promise<void>;
}

/** A real server on loopback, whose boards are simulated. `settings`: sections beside its own. */
export const openHouse = async (settings: Readonly<Record<string, unknown>> = {}): Promise<House> => {
  const folder = await mkdtemp(join(tmpdir(), 'drover-browser-'));
  const [tftp, dhcp, proxyPort, clientPort] = [
    await freePort('udp'),
    await freePort('udp'),
    await freePort('udp'),
    await freePort('udp'),
  ];
  const server = await startServer({
    settings: {
      ...settings,
      helpers: { cacheDir: join(cacheDir, 'helpers') },
      boot: {
        http: { listen: [`127.0.0.1:${await freePort()}`] },
        interfaces: ['127.0.0.1'],
        dhcp: { mode: 'proxy', relay: true, port: dhcp, proxyPort, clientPort },
        tftp: { port: tftp },
        nbd: { listen: [`127.0.0.1:${await freePort()}`] },
      },
    },
  });
  return {
    server,
    folder,
    simulate: (...args) => server.cli('simulate', '--dhcp-port', String(dhcp), '--tftp-port', String(tftp), ...args),
    close: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
