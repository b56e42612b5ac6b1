/**
 * Drover's keeper of nfs-ganesha as a process, to be run inside namespaces. Argument: folder. A line on standard input is a JSON array of exports; each is answered with a JSON
 * line `{applied}` or `{failed}`. Begins with `{ready}` or `{failed}`.
 */
import { createInterface } from 'node:readline';
import { RefusedError } from '@drover/contract';
import { createGanesha } from '../../src/adapters/nfs/index.js';
import type { NfsExport } from '../../src/app/nfs/ports.js';
import type { Log } from '../../src/app/ports.js';

const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const say = (fields: Record<string, unknown>, message: string): void => tell({ fields, message });
const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
const words = (error: unknown): string =>
  error instanceof RefusedError ? `${error.refusal.detail} ${error.refusal.remedy ?? ''}` : String(error);

const stop = new AbortController();
const ganesha = createGanesha({ folder: process.argv[2]!, port: 2049, mountPort: 20048, log });
process.once('SIGTERM', () => {
  stop.abort();
  void ganesha.stop().then(() => process.exit(0));
});
try {
  await ganesha.start(stop.signal);
  tell({ ready: ganesha.versions() });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      await ganesha.apply(JSON.parse(line) as NfsExport[]);
      tell({ applied: true });
    } catch (error) {
      tell({ failed: words(error) });
    }
  }
} catch (error) {
  tell({ failed: words(error) });
}
