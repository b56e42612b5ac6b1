/**
 * Drover's TFTP listener alone, as a process whose CPU time can be measured.
 * Arguments: address, port, file. Every path ends in that file. Prints `ready` when it listens.
 */
import { readFileSync } from 'node:fs';
import {
  createTftpListener,
  defaultTftpSettings,
  systemTimers,
} from '../../packages/server/src/listeners/tftp/index.js';

const [address = '127.0.0.1', port = '0', path = ''] = process.argv.slice(2);
const bytes = readFileSync(path);
const quiet = (): void => undefined;

const listener = createTftpListener({
  settings: {
    ...defaultTftpSettings,
    addresses: [address],
    port: Number(port),
    // The load client is one host; boards are many.
    transfersPerClient: 1000,
    requestsPerSecond: 10_000,
    requestBurst: 10_000,
  },
  open: async () => ({
    ok: true,
    file: {
      size: bytes.length,
      shareKey: path,
      read: async (offset, length) => bytes.subarray(offset, offset + length),
    },
  }),
  onTransfer: quiet,
  timers: systemTimers,
  log: { debug: quiet, info: quiet, warn: console.error, error: console.error },
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await listener.start(stop.signal);
process.stdout.write('ready\n');
