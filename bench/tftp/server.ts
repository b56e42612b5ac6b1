/**
 * Drover's TFTP listener alone, as a process whose CPU time can be measured.
 * Arguments: address, port, file. That file is `f`; there is no other.
 */
import { readFileSync } from 'node:fs';
import {
  createTftpListener,
  defaultTftpSettings,
  systemTimers,
  type TftpFile,
} from '../../packages/server/src/listeners/tftp/index.js';

const [address = '127.0.0.1', port = '0', path = ''] = process.argv.slice(2);
const bytes = readFileSync(path);
const file: TftpFile = {
  size: bytes.length,
  shareKey: path,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
};
const quiet = (): void => undefined;

const listener = createTftpListener({
  settings: { ...defaultTftpSettings, addresses: [address], port: Number(port) },
  open: async (request) =>
    request.path === 'f' ? { ok: true, file } : { ok: false, code: 1, message: 'there is only f' },
  onTransfer: quiet,
  timers: systemTimers,
  log: { debug: quiet, info: quiet, warn: console.error, error: console.error },
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await listener.start(stop.signal);
