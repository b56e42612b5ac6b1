/**
 * Drover's DHCP listener as a process, to be run inside a network namespace.
 * Argument: JSON of a `ChildConfig`. Writes one JSON object a line: `{ready}`, `{failed}`, `{event}` or `{lease}`.
 */
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
}

const { settings, pool, bootFile } = JSON.parse(process.argv[2]!) as ChildConfig;
const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const quiet = (): void => undefined;

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
  log: { debug: quiet, info: quiet, warn: quiet, error: (fields, message) => tell({ fields, message }) },
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
try {
  await listener.start(stop.signal);
  tell({ ready: listener.addresses() });
} catch (error) {
  tell({ failed: error instanceof Error ? error.message : String(error) });
}
