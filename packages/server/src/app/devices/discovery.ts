import { isDoctorMac, type Identity } from '@drover/contract';
import {
  macOfPrefix,
  prefixOfSerial,
  prefixTailOf,
  recognise,
  type Candidates,
  type KnownBoard,
  type Recognised,
} from '../../domain/device-identity.js';
import { fittedMemory } from '../../domain/device-memory.js';
import type { WireIdentity } from '../boot/ports.js';
import type { Clock, Ids, Log } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { announce, changeDevice } from './change.js';
import { freeName, plainName } from './names.js';
import type { DeviceChange, DeviceRecord } from './ports.js';
import { adoptInto, newDevice } from './register.js';

export interface DiscoverySettings {
  /** Tenant that takes every board the moment it is seen; null: a person adopts. */
  readonly autoAdopt: string | null;
  /** Boards kept that were seen and belong to nobody. */
  readonly discoveredLimit: number;
}

export const defaultDiscoveredLimit = 1000;

export type Seen =
  | { readonly kind: 'device'; readonly device: DeviceRecord }
  /** No Raspberry Pi, and not registered. */
  | { readonly kind: 'stranger' }
  /** Two boards claim to be one: none of them gets anything until a person has decided. */
  | { readonly kind: 'conflict'; readonly reason: string; readonly devices: readonly DeviceRecord[] };

export interface Discovery {
  /** The board told how much memory its kernel has, in KiB. */
  readonly learnMemory: (device: string, memoryKiB: number) => Promise<void>;
  /** Boards that claimed to be one, since the server started and within the last ten minutes. */
  readonly recentConflicts: () => readonly { readonly reason: string; readonly at: number }[];
  /** Who a board on the wire is. Discovers it when nobody knows it, learns what it shows, and notes that it was seen. */
  readonly registerSeen: (wire: WireIdentity, settings: DiscoverySettings) => Promise<Seen>;
  /** The board itself told its full serial. False, with an event, when another board has it. */
  readonly learnSerial: (device: string, serial: string) => Promise<boolean>;
}

/** A sighting is stored at most this often. */
const touchEveryMs = 10_000;
/** The same conflict is told at most this often. */
const conflictEveryMs = 60_000;
const rememberedConflicts = 1000;
const toldConflictsMs = 10 * 60_000;

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

export const createDiscovery = (deps: Deps): Discovery => {
  const { store, clock, log } = deps;
  const conflicts = new Map<string, number>();

  /** Whether a conflict is news. The memory is bounded: whoever sends endless MACs only makes us forget older ones. */
  const isNews = (reason: string): boolean => {
    const now = clock.now();
    if (now - (conflicts.get(reason) ?? -Infinity) < conflictEveryMs) return false;
    conflicts.delete(reason);
    conflicts.set(reason, now);
    const [oldest] = conflicts.keys();
    if (conflicts.size > rememberedConflicts && oldest !== undefined) conflicts.delete(oldest);
    return true;
  };

  return {
    recentConflicts: () =>
      [...conflicts].filter(([, at]) => clock.now() - at < toldConflictsMs).map(([reason, at]) => ({ reason, at })),
    registerSeen: async (wire, settings) => {
      // Most boards are known and show nothing new: a look is enough, and nobody waits for it.
      const known = await store.read(async (tx) => settled(await look(tx, wire), wire, settings, clock.now()));
      if (known !== undefined) return known;
      const seen = await store.transaction((tx) => register(deps, tx, wire, settings, isNews));
      if (seen.kind === 'conflict') log.warn({ reason: seen.reason, site: wire.site }, 'boards in conflict');
      return seen;
    },
    learnMemory: async (id, memoryKiB) =>
      store.transaction(async (tx) => {
        const device = await tx.devices.get(id);
        const memoryMiB = fittedMemory(memoryKiB);
        if (device === undefined || device.memoryMiB === memoryMiB) return;
        const at = new Date(clock.now()).toISOString();
        await changeDevice(tx, device, { memoryMiB }, { type: 'device.updated', at, data: { memoryMiB } });
      }),
    learnSerial: async (id, serial) =>
      store.transaction(async (tx) => {
        const device = await tx.devices.get(id);
        if (device === undefined || device.serial === serial) return device !== undefined;
        const at = new Date(clock.now()).toISOString();
        const reason = await serialConflict(tx, device, serial);
        if (reason === undefined) {
          await tx.devices.addIdentity(id, device.site, { kind: 'serial', value: serial });
          await changeDevice(tx, device, { serial }, { type: 'device.updated', at, data: { serial } });
          return true;
        }
        if (isNews(reason)) await announce(tx, device, { type: 'device.conflict', at, data: { reason } });
        return false;
      }),
  };
};

interface Looked {
  readonly recognised: Recognised;
  readonly devices: ReadonlyMap<string, DeviceRecord>;
}

const look = async (tx: Transaction, wire: WireIdentity): Promise<Looked> => {
  const devices = new Map<string, DeviceRecord>();
  const known = (device: DeviceRecord | undefined): KnownBoard | undefined => {
    if (device === undefined) return undefined;
    devices.set(device.id, device);
    return { ...device, adopted: device.state !== 'discovered' };
  };
  const by = async (kind: 'mac' | 'boot-prefix', value: string | undefined): Promise<KnownBoard | undefined> =>
    value === undefined ? undefined : known(await tx.devices.findByIdentity(wire.site, kind, value));
  const tail = wire.mac === undefined ? undefined : prefixTailOf(wire.mac);
  const candidates: Candidates = {
    byMac: await by('mac', wire.mac),
    byPrefix: await by('boot-prefix', wire.bootPrefix),
    byDerivedMac: wire.bootPrefix === undefined ? undefined : await by('mac', macOfPrefix(wire.bootPrefix)),
    byPrefixTail: (tail === undefined ? [] : await tx.devices.findByPrefixTail(wire.site, tail))
      .map(known)
      .filter((board) => board !== undefined),
  };
  return { recognised: recognise(wire, candidates), devices };
};

/** Boards that the network doctor plays leave nothing behind. */
const isToBeKept = ({ isPi, mac }: WireIdentity): boolean => isPi && (mac === undefined || !isDoctorMac(mac));

/** The answer when nothing has to be stored. */
const settled = (
  { recognised, devices }: Looked,
  wire: WireIdentity,
  settings: DiscoverySettings,
  now: number,
): Seen | undefined => {
  if (recognised.kind === 'unknown') return isToBeKept(wire) ? undefined : { kind: 'stranger' };
  if (recognised.kind !== 'known' || recognised.learn.length > 0) return undefined;
  const device = devices.get(recognised.board.id);
  if (device === undefined || (device.state === 'discovered' && settings.autoAdopt !== null)) return undefined;
  const fresh = device.lastSeenAt !== null && now - Date.parse(device.lastSeenAt) < touchEveryMs;
  const same = wire.address === undefined || wire.address === device.lastAddress;
  return fresh && same && Object.keys(shown(device, wire)).length === 0 ? { kind: 'device', device } : undefined;
};

/** What a board shows beyond its identities, where we did not know it. */
const shown = (device: DeviceRecord, wire: WireIdentity): DeviceChange => ({
  ...(wire.model !== undefined && wire.model !== 'other' && device.model === 'other' ? { model: wire.model } : {}),
  ...(wire.modelName !== undefined && device.modelName === null ? { modelName: wire.modelName } : {}),
  ...(wire.firmware !== 'unknown' && device.firmware === 'unknown' ? { firmware: wire.firmware } : {}),
});

const register = async (
  deps: Deps,
  tx: Transaction,
  wire: WireIdentity,
  settings: DiscoverySettings,
  isNews: (reason: string) => boolean,
): Promise<Seen> => {
  const at = new Date(deps.clock.now()).toISOString();
  const { recognised, devices } = await look(tx, wire);
  const recordOf = (board: KnownBoard): DeviceRecord => {
    const device = devices.get(board.id);
    if (device === undefined) throw new Error(`the device ${board.id} was recognised but not read`);
    return device;
  };
  switch (recognised.kind) {
    case 'unknown':
      return isToBeKept(wire)
        ? { kind: 'device', device: await discover(deps, tx, wire, settings, at) }
        : { kind: 'stranger' };
    case 'conflict': {
      const boards = recognised.boards.map(recordOf);
      if (isNews(recognised.reason)) await announceConflict(tx, boards, recognised.reason, wire, at);
      return { kind: 'conflict', reason: recognised.reason, devices: boards };
    }
    case 'same': {
      const kept = await merge(tx, recordOf(recognised.keep), recordOf(recognised.drop), at);
      return { kind: 'device', device: await see(tx, kept, wire, settings, at) };
    }
    case 'known': {
      const learnt = await learn(tx, recordOf(recognised.board), recognised.learn, at);
      return { kind: 'device', device: await see(tx, learnt, wire, settings, at) };
    }
  }
};

const discover = async (
  { ids }: Deps,
  tx: Transaction,
  wire: WireIdentity,
  settings: DiscoverySettings,
  at: string,
): Promise<DeviceRecord> => {
  await makeRoom(tx, settings.discoveredLimit, at);
  const mac = wire.mac ?? null;
  const bootPrefix = wire.bootPrefix ?? null;
  const name = await freeName(tx, null, plainName({ mac, bootPrefix }));
  const blank = newDevice({ id: ids.next('dev'), at, site: wire.site, name });
  const device: DeviceRecord = {
    ...blank,
    mac,
    bootPrefix,
    identities: [
      ...(mac === null ? [] : [{ kind: 'mac' as const, value: mac }]),
      ...(bootPrefix === null ? [] : [{ kind: 'boot-prefix' as const, value: bootPrefix }]),
    ],
    firmware: wire.firmware,
    model: wire.model ?? 'other',
    modelName: wire.modelName ?? null,
    lastAddress: wire.address ?? null,
    lastSeenAt: at,
  };
  await tx.devices.insert(device);
  const data = { mac, bootPrefix, model: device.model, firmware: device.firmware };
  await announce(tx, device, { type: 'device.discovered', at, data });
  return adoptIfWanted(tx, device, settings, at);
};

/** Whoever floods the network with made-up boards pushes out other boards that nobody adopted, and nothing else. */
const makeRoom = async (tx: Transaction, limit: number, at: string): Promise<void> => {
  const { discovered } = await tx.devices.countByState();
  if (discovered < limit) return;
  for (const device of await tx.devices.oldestDiscovered(discovered - limit + 1)) {
    await tx.devices.delete(device.id);
    const data = { reason: `more than ${limit} discovered boards` };
    await announce(tx, device, { type: 'device.deleted', at, data });
  }
};

const announceConflict = async (
  tx: Transaction,
  boards: readonly DeviceRecord[],
  reason: string,
  wire: WireIdentity,
  at: string,
): Promise<void> => {
  const data = {
    reason,
    devices: boards.map(({ id }) => id),
    mac: wire.mac ?? null,
    bootPrefix: wire.bootPrefix ?? null,
  };
  for (const board of boards) await announce(tx, board, { type: 'device.conflict', at, data });
};

const merge = async (tx: Transaction, keep: DeviceRecord, drop: DeviceRecord, at: string): Promise<DeviceRecord> => {
  await tx.devices.absorb(drop.id, keep.id);
  await announce(tx, drop, { type: 'device.deleted', at, data: { mergedInto: keep.id } });
  const change: DeviceChange = {
    mac: keep.mac ?? drop.mac,
    bootPrefix: keep.bootPrefix ?? drop.bootPrefix,
    serial: keep.serial ?? drop.serial,
    ...(keep.model === 'other' ? { model: drop.model, modelName: drop.modelName } : {}),
  };
  const merged = await changeDevice(tx, keep, change, { type: 'device.updated', at, data: { merged: drop.id } });
  return { ...merged, identities: [...keep.identities, ...drop.identities] };
};

const learn = async (
  tx: Transaction,
  device: DeviceRecord,
  identities: readonly Identity[],
  at: string,
): Promise<DeviceRecord> => {
  if (identities.length === 0) return device;
  for (const identity of identities) {
    const added = await tx.devices.addIdentity(device.id, device.site, identity);
    if (!added.ok) throw new Error(`${identity.kind} ${identity.value} is held by ${added.heldBy}`);
  }
  const mac = identities.find(({ kind }) => kind === 'mac')?.value;
  const bootPrefix = identities.find(({ kind }) => kind === 'boot-prefix')?.value;
  const change = { ...(mac === undefined ? {} : { mac }), ...(bootPrefix === undefined ? {} : { bootPrefix }) };
  const learnt = await changeDevice(tx, device, change, { type: 'device.updated', at, data: change });
  return { ...learnt, identities: [...device.identities, ...identities] };
};

/** Notes that the board was seen, and what it showed. */
const see = async (
  tx: Transaction,
  device: DeviceRecord,
  wire: WireIdentity,
  settings: DiscoverySettings,
  at: string,
): Promise<DeviceRecord> => {
  const change = shown(device, wire);
  const changed =
    Object.keys(change).length === 0
      ? device
      : await changeDevice(tx, device, change, { type: 'device.updated', at, data: change });
  await tx.devices.touch(device.id, { at, ...(wire.address === undefined ? {} : { address: wire.address }) });
  const seen = { ...changed, lastSeenAt: at, lastAddress: wire.address ?? changed.lastAddress };
  return adoptIfWanted(tx, seen, settings, at);
};

const adoptIfWanted = async (
  tx: Transaction,
  device: DeviceRecord,
  { autoAdopt }: DiscoverySettings,
  at: string,
): Promise<DeviceRecord> =>
  device.state === 'discovered' && autoAdopt !== null
    ? adoptInto(tx, device, { tenant: autoAdopt, at, by: null })
    : device;

const serialConflict = async (tx: Transaction, device: DeviceRecord, serial: string): Promise<string | undefined> => {
  const other = await tx.devices.findByIdentity(device.site, 'serial', serial);
  if (other !== undefined && other.id !== device.id) {
    return `${device.name} told the serial ${serial}, which ${other.name} has`;
  }
  if (device.serial !== null) return `${device.name} told the serial ${serial}, but its serial is ${device.serial}`;
  const expected = prefixOfSerial(serial);
  const holder = await tx.devices.findByIdentity(device.site, 'boot-prefix', expected);
  return holder === undefined || holder.id === device.id
    ? undefined
    : `${device.name} told the serial ${serial}, whose boot prefix ${holder.name} has`;
};
