import type { SessionOutcome, TimelineEntry, TimelineItem, Verdict } from '@drover/contract';
import { openedAtOf, secretExpiry } from '../../domain/boot-credential.js';
import { advance, isImpostors, type SessionProgress } from '../../domain/session-machine.js';
import { heardAt, isSignOfLife } from '../../domain/sign-of-life.js';
import { judge, loopWindowMs, type SessionFacts } from '../../domain/verdict.js';
import { changeDevice } from '../devices/change.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Clock } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { planFor } from './identify-device.js';
import type { SessionOpened, SessionRecord } from './ports.js';

/** What a transaction put on a timeline, to be published once it is committed. */
export interface Published {
  readonly session: string;
  readonly device: string;
  readonly tenant: string | null;
  readonly items: readonly TimelineItem[];
}

export interface TimelineSettings {
  readonly dhcpMode: SessionFacts['dhcpMode'];
  readonly sessionTtlSeconds: number;
}

/** Sessions and their timelines, within a transaction of the caller's. */
export interface Timelines {
  /** Stores the opening of a session and ends the one before. Undefined when the device is gone, or it is known already. */
  open(tx: Transaction, opened: SessionOpened): Promise<Published[]>;
  /** Appends entries and carries out what follows from them: stage, end, verdict, events. */
  append(tx: Transaction, session: SessionRecord, entries: readonly TimelineEntry[]): Promise<Published[]>;
  /** Ends a session for a reason that is not on its timeline: silence, the next boot. */
  end(tx: Transaction, session: SessionRecord, outcome: SessionOutcome): Promise<Published[]>;
}

interface Deps {
  readonly clock: Clock;
  readonly settings: TimelineSettings;
}

/** Timelines are bounded where they are written; a verdict looks at this much. */
const mostItems = 10_000;

/** The same board's impostors are told of at most this often: who sends packets in its name can send many. */
const impostorEveryMs = 60_000;
const rememberedImpostors = 1000;

export const createTimelines = (deps: Deps): Timelines => {
  const impostors = new Map<string, number>();

  /** The memory is bounded: whoever acts in the name of many boards only makes us forget older ones. */
  const isNews = (impostor: string): boolean => {
    const at = deps.clock.now();
    if (at - (impostors.get(impostor) ?? -Infinity) < impostorEveryMs) return false;
    impostors.delete(impostor);
    impostors.set(impostor, at);
    if (impostors.size > rememberedImpostors) impostors.delete(impostors.keys().next().value!);
    return true;
  };

  const now = (): string => new Date(deps.clock.now()).toISOString();

  const open = async (tx: Transaction, opened: SessionOpened): Promise<Published[]> => {
    const device = await tx.devices.get(opened.device);
    if (device === undefined || (await tx.sessions.get(opened.id)) !== undefined) return [];
    const before = await tx.sessions.latestOf(device.id);
    const ended = before?.outcome === 'running' ? await end(tx, before, 'superseded') : [];
    const session = newSession(opened, device, deps.settings.sessionTtlSeconds);
    await tx.sessions.insert(session);
    const { address } = opened.wire;
    await tx.devices.touch(device.id, {
      at: heardAt(session.startedAt, deps.clock.now()),
      session: session.id,
      ...(address === undefined ? {} : { address }),
    });
    await tx.events.append({
      type: 'session.started',
      at: session.startedAt,
      tenant: device.tenant,
      subject: session.id,
      data: { device: device.id, name: device.name, generation: session.generation },
    });
    const entry: TimelineEntry = { type: 'session.opened', at: session.startedAt, generation: session.generation };
    return [...ended, ...(await put(tx, device, session.id, [entry]))];
  };

  const append = async (
    tx: Transaction,
    session: SessionRecord,
    entries: readonly TimelineEntry[],
  ): Promise<Published[]> => {
    const device = await tx.devices.get(session.device);
    if (device === undefined || entries.length === 0) return [];
    const before: SessionProgress = session;
    const after = entries.reduce(advance, progressOf(session));
    const published = await put(tx, device, session.id, entries);
    const address = entries.findLast(hasAddress)?.address ?? session.address;
    await tx.sessions.update(session.id, {
      ...after,
      address,
      ...(after.outcome === 'running' ? { verdict: null } : {}),
    });
    const sign = entries.findLast(isSignOfLife);
    await tx.devices.touch(device.id, {
      ...(sign === undefined ? {} : { at: heardAt(sign.at, deps.clock.now()) }),
      ...(address === null ? {} : { address }),
    });
    if (before.outcome !== 'revoked') await tellImpostors(tx, device, session.id, entries, isNews);
    const hasEnded = after.outcome !== before.outcome && after.outcome !== 'running';
    return hasEnded ? [...published, ...(await conclude(tx, device, { ...session, ...after, address }))] : published;
  };

  const end = async (tx: Transaction, session: SessionRecord, outcome: SessionOutcome): Promise<Published[]> => {
    const device = await tx.devices.get(session.device);
    if (device === undefined) return [];
    const ended = { ...session, outcome, endedAt: now() };
    await tx.sessions.update(session.id, { outcome, endedAt: ended.endedAt });
    return conclude(tx, device, ended);
  };

  /** Verdict, last entry and events of a session that has just ended. */
  const conclude = async (tx: Transaction, device: DeviceRecord, session: SessionRecord): Promise<Published[]> => {
    const timeline = (await tx.sessions.timeline(session.id, 0, mostItems)).map(({ entry }) => entry);
    const facts = await factsOf(deps, tx, device, session);
    const verdict = judge(session, timeline, facts);
    await tx.sessions.update(session.id, { verdict });
    const at = now();
    const data = { device: device.id, name: device.name, outcome: session.outcome, stage: session.stage, verdict };
    await tx.events.append({ type: 'session.ended', at, tenant: device.tenant, subject: session.id, data });
    if (session.outcome === 'revoked') await tellRevoked(tx, device, session, at, verdict);
    if (session.outcome === 'up') await tellUp(tx, device, session, at);
    return put(tx, device, session.id, [{ type: 'session.ended', at, outcome: session.outcome, verdict }]);
  };

  return { open, append, end };
};

const progressOf = ({ stage, outcome, upAt, endedAt, bytes }: SessionRecord): SessionProgress => ({
  stage,
  outcome,
  upAt,
  endedAt,
  bytes,
});

const hasAddress = (entry: TimelineEntry): entry is TimelineEntry & { address: string } =>
  (entry.type === 'dhcp.request' || entry.type === 'exchange' || entry.type === 'card.asked') &&
  (entry.address ?? '') !== '' &&
  // That of an impostor is not the board's.
  !isImpostors(entry);

const put = async (
  tx: Transaction,
  device: DeviceRecord,
  session: string,
  entries: readonly TimelineEntry[],
): Promise<Published[]> => [
  { session, device: device.id, tenant: device.tenant, items: await tx.sessions.append(session, entries) },
];

function newSession(
  { id, wire, generation, openedAt }: SessionOpened,
  device: DeviceRecord,
  ttlSeconds: number,
): SessionRecord {
  // The id says when the secret begins to run out; what the boot plane's clock says besides is not asked.
  const startedAt = openedAtOf(id) ?? openedAt;
  return {
    id,
    device: device.id,
    stage: 'dhcp',
    outcome: 'running',
    verdict: null,
    firmware: wire.firmware === 'unknown' ? device.firmware : wire.firmware,
    model: wire.model ?? device.model,
    mac: wire.mac ?? device.mac,
    bootPrefix: wire.bootPrefix ?? device.bootPrefix,
    address: wire.address ?? null,
    generation,
    startedAt: new Date(startedAt).toISOString(),
    upAt: null,
    endedAt: null,
    bytes: 0,
    nonceHash: null,
    exchangedAt: null,
    secretExpiresAt: secretExpiry(startedAt, ttlSeconds),
  };
}

async function tellUp(tx: Transaction, device: DeviceRecord, session: SessionRecord, at: string): Promise<void> {
  const data = { session: session.id, generation: session.generation };
  await changeDevice(tx, device, { upGeneration: session.generation }, { type: 'device.up', at, data });
}

const tellRevoked = (
  tx: Transaction,
  device: DeviceRecord,
  session: SessionRecord,
  at: string,
  verdict: Verdict | null,
): Promise<void> =>
  tx.events.append({
    type: 'session.revoked',
    at,
    tenant: device.tenant,
    subject: session.id,
    data: { device: device.id, name: device.name, reason: verdict?.message ?? 'its secret was used a second time' },
  });

/** Somebody acts in the name of a board that is up: by a boot of his own, or by asking for another address for it. */
async function tellImpostors(
  tx: Transaction,
  device: DeviceRecord,
  session: string,
  entries: readonly TimelineEntry[],
  isNews: (impostor: string) => boolean,
): Promise<void> {
  for (const entry of entries) {
    const told = impostorOf(session, entry);
    if (told === undefined) continue;
    // The board's last boot is the one it is up at.
    await tx.devices.touch(device.id, { at: entry.at, session: told.session });
    if (entry.type === 'nfs.refused' && !isNews(`${session} ${entry.to}`)) continue;
    const data = { ...told, name: device.name };
    await tx.events.append({ type: 'device.impostor', at: entry.at, tenant: device.tenant, subject: device.id, data });
  }
}

interface Impostor {
  /** Where the board is up, and at which boot. */
  readonly session: string;
  readonly address: string;
  readonly impostorAddress: string;
  readonly impostorSession?: string;
}

function impostorOf(session: string, entry: TimelineEntry): Impostor | undefined {
  if (entry.type === 'nfs.refused') return { session, address: entry.from, impostorAddress: entry.to };
  if (entry.type !== 'exchange' || entry.other === undefined || !isImpostors(entry)) return undefined;
  const { session: up, address } = entry.other;
  return { session: up, address, impostorSession: session, impostorAddress: entry.address };
}

/** Other boards booting at the same time are counted up to this many. */
const mostCrowd = 100;
const mostConflicts = 200;

async function factsOf(
  { clock, settings }: Deps,
  tx: Transaction,
  device: DeviceRecord,
  session: SessionRecord,
): Promise<SessionFacts> {
  const since = new Date(clock.now() - loopWindowMs).toISOString();
  const [plan, image, running, unhealthy] = [
    await planFor(tx, device),
    device.assignment === null ? undefined : await tx.images.get(device.assignment.image),
    await tx.sessions.list({ outcome: 'running' }, { limit: mostCrowd }),
    await tx.sessions.countUnhealthy(device.id, since),
  ];
  const facts = image?.facts;
  return {
    bootable: session.generation !== null || plan.ok,
    reason: plan.ok ? null : plan.reason,
    rootMode: device.assignment?.rootMode ?? null,
    dhcpMode: settings.dhcpMode,
    image:
      image === undefined || facts == null
        ? null
        : {
            name: `${image.name}:${image.version}`,
            models: facts.models,
            unfit: facts.unfit,
            warnings: facts.warnings,
          },
    conflict: await conflictOf(tx, device, session),
    unhealthy,
    crowd: running.items.filter(({ id }) => id !== session.id).length,
  };
}

/** A conflict of identities told of while this boot went on. */
async function conflictOf(tx: Transaction, device: DeviceRecord, session: SessionRecord): Promise<string | null> {
  const events = await tx.events.list({ after: 0, limit: mostConflicts, type: 'device.conflict', subject: device.id });
  const recent = events.findLast(({ at }) => at >= session.startedAt);
  return recent === undefined ? null : String(recent.data['reason']);
}
