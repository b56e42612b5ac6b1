/**
 * The boot plane as a process without a control plane, to be run inside a network namespace. Argument: its data folder. Writes what it logs, one
 * JSON object a line, and `{ready}` once it has started.
 */
import type { Log } from '../../src/app/ports.js';
import { createBootPlane } from '../../src/boot-plane.js';
import { SettingsSchema } from '../../src/config/schema.js';

const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const say = (fields: Record<string, unknown>, message: string): void => tell({ ...fields, message });
const log: Log = { debug: () => undefined, info: say, warn: say, error: say, child: () => log };

const dataDir = process.argv[2]!;
const parsed = SettingsSchema.parse({ dataDir });
const builds = { ...parsed.builds, cacheDir: dataDir };
const nfs = { ...parsed.nfs, folder: dataDir };
const settings = { ...parsed, dataDir, builds, nfs, helpers: { cacheDir: dataDir } };
const stop = new AbortController();
const plane = createBootPlane({ settings, log, signal: stop.signal });
process.once('SIGTERM', () => {
  stop.abort();
  void plane.stop();
});
await plane.start(stop.signal);
tell({ ready: true });
