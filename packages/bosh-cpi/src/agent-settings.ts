import type { AgentDefaults } from './settings.js';
import type { Networks } from './schemas.js';
import { diskPath } from './names.js';

/**
 * Where the agent reads its settings: a file of the board, brought by the runtime over its boot session, for root alone (docs/decisions/0018-agent-settings.md). Not the
 * agent's own `settings.json`, which it writes itself.
 */
export const settingsPath = '/var/vcap/bosh/drover-agent-settings.json';

/** A disk as the director and the agent name it. */
export interface PersistentDisk {
  readonly cid: string;
  readonly name: string;
}

export interface AgentOf {
  readonly agentId: string;
  readonly device: { readonly id: string; readonly name: string; readonly mac: string | null };
  readonly networks: Networks;
  /** Name of the disk for `/var/vcap/data`; undefined: it is on the root. */
  readonly ephemeral?: string | undefined;
  readonly persistent: readonly PersistentDisk[];
  readonly env: Readonly<Record<string, unknown>>;
  readonly defaults: AgentDefaults;
}

export type AgentSettings = Record<string, unknown> & { readonly disks: Readonly<Record<string, unknown>> };

/** What agent and director call a disk's place on the board. */
export const diskHint = (name: string): { path: string } => ({ path: diskPath(name) });

const persistentOf = (disks: readonly PersistentDisk[]): Record<string, unknown> =>
  Object.fromEntries(disks.map(({ cid, name }) => [cid, { id: cid, ...diskHint(name) }]));

/** All that an agent without a registry is to know. */
export const agentSettings = ({
  agentId,
  device,
  networks,
  ephemeral,
  persistent,
  env,
  defaults,
}: AgentOf): AgentSettings => ({
  agent_id: agentId,
  vm: { name: device.name, id: device.id },
  networks: agentNetworks(networks, device.mac),
  disks: {
    system: '',
    ephemeral: ephemeral === undefined ? '' : diskHint(ephemeral),
    persistent: persistentOf(persistent),
    raw_ephemeral: null,
  },
  mbus: defaults.mbus,
  ntp: defaults.ntp,
  blobstore: defaults.blobstore ?? {
    provider: 'local',
    options: { blobstore_path: '/var/vcap/micro_bosh/data/cache' },
  },
  env,
});

/** The same with other disks. */
export const withDisks = (settings: AgentSettings, disks: readonly PersistentDisk[]): AgentSettings => ({
  ...settings,
  disks: { ...settings.disks, persistent: persistentOf(disks) },
});

/**
 * The interface has its address before the agent runs, and the root may hang on it: `preconfigured` keeps the agent from writing its configuration anew. A vip is
 * somebody else's.
 */
const agentNetworks = (networks: Networks, mac: string | null): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(networks)
      .filter(([, { type }]) => type !== 'vip')
      .map(([name, network]) => [
        name,
        {
          ...network,
          use_dhcp: network.type === 'dynamic',
          preconfigured: true,
          ...(mac === null ? {} : { mac }),
        },
      ]),
  );
