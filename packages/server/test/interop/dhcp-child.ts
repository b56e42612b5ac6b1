/**
 * Drover's DHCP listener as a process, to be run inside a network namespace.
 * Argument: JSON of a `ChildConfig`. Writes one JSON object a line: `{ready}`, `{failed}`, `{event}`, `{lease}` or `{message}`.
 */
import { networkInterfaces } from 'node:os';
import type { Log } from '../../src/app/ports.js';
import { followInterfaces } from '../../src/boot-plane/follow-interfaces.js';
import { presentAddresses } from '../../src/boot-plane/settings.js';
import {
  createDhcpListener,
  defaultDhcpSettings,
  systemTimers,
  type DhcpPoolSettings,
  type DhcpSettings,
} from '../../src/listeners/dhcp/index.js';

export interface ChildConfig {
  readonly settings: Partial<Omit<DhcpSettings, 'pool'>> & Pick<DhcpSettings, 'interfaces'>;
  readonly pool?: Omit<DhcpPoolSettings, 'fixed'> & { readonly fixed: Readonly<Record<string, string>> };
  readonly bootFile: string;
  /** Every interface that is up is served, as they come and go. */
  readonly follow?: boolean;
}

const { settings, pool, bootFile, follow } = JSON.parse(process.argv[2]!) as ChildConfig;
const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const quiet = (): void => undefined;
const say = (fields: Record<string, unknown>, message: string): void => tell({ fields, message });

const listener = createDhcpListener({
  settings: {
    ...defaultDhcpSettings,
    ...settings,
    ...(pool ? { pool: { ...pool, fixed: new Map(Object.entries(pool.fixed)) } } : {}),
  },
  decide: async () => ({ answer: true, bootFile }),
  observe: (event) => tell({ event }),
  leases: { load: async () => [], save: async (lease) => tell({ lease }) },
  timers: systemTimers,
  epochSeconds: () => Date.now() / 1000,
  log: { debug: quiet, info: quiet, warn: quiet, error: say },
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
try {
  await listener.start(stop.signal);
  if (follow === true) {
    const present = () => presentAddresses('auto', networkInterfaces());
    const log: Log = { debug: quiet, info: say, warn: quiet, error: say, child: () => log };
    const following = followInterfaces({
      ...{ first: present(), present, listeners: [listener], timers: systemTimers, log, everyMs: 100 },
    });
    await following.start(stop.signal);
    stop.signal.addEventListener('abort', () => void following.stop());
  }
  tell({ ready: listener.addresses() });
} catch (error) {
  tell({ failed: error instanceof Error ? error.message : String(error) });
}
