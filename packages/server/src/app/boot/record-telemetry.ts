import type { TimelineEntry } from '@drover/contract';
import { openedAtOf } from '../../domain/boot-credential.js';
import { heardAt } from '../../domain/sign-of-life.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { RecordBeats } from './record-beats.js';
import type { SessionOpened, Telemetry, TelemetryReply, TimelineFeed } from './ports.js';
import type { Published, Timelines } from './timelines.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly timelines: Timelines;
  readonly feed: TimelineFeed;
  readonly recordBeats: RecordBeats;
  readonly site: string;
}

/** News of one session, in order. */
interface News {
  opened: SessionOpened | undefined;
  device: string | null;
  readonly entries: TimelineEntry[];
}

/** Stores a batch in one transaction: all of it once, however often it is sent. */
export const createRecordTelemetry =
  ({ store, clock, timelines, feed, recordBeats, site }: Deps) =>
  async (batch: string, items: readonly Telemetry[]): Promise<TelemetryReply> => {
    const news = bySession(items.filter((item) => item.kind === 'opened' || item.kind === 'entry'));
    const beats = items.filter((item) => item.kind === 'beat');
    const heard = items.filter((item) => item.kind === 'heard');
    const { published, revoked } = await store.transaction(async (tx) => {
      const isNew = await tx.sessions.noteBatch(batch, new Date(clock.now()).toISOString());
      const told: Published[] = [];
      if (isNew) for (const [id, each] of news) told.push(...(await record(tx, timelines, id, each, site)));
      const odd = isNew ? await recordBeats(tx, beats) : [];
      if (isNew) for (const { session, at } of heard) await tx.devices.heard(session, heardAt(at, clock.now()));
      return { published: told, revoked: await revokedAmong(tx, new Set([...news.keys(), ...odd])) };
    });
    for (const { session, device, tenant, items: stored } of published) feed.publish(session, device, tenant, stored);
    return { revoked };
  };

/** Sessions in the order of their first sign, so that a board's boots follow each other. */
function bySession(items: readonly Extract<Telemetry, { kind: 'opened' | 'entry' }>[]): Map<string, News> {
  const news = new Map<string, News>();
  const of = (session: string): News => {
    const known = news.get(session) ?? { opened: undefined, device: null, entries: [] };
    news.set(session, known);
    return known;
  };
  for (const item of items) {
    if (item.kind === 'opened') of(item.opened.id).opened = item.opened;
    else {
      const each = of(item.session);
      each.device ??= item.device;
      each.entries.push(item.entry);
    }
  }
  return news;
}

async function record(
  tx: Transaction,
  timelines: Timelines,
  id: string,
  news: News,
  site: string,
): Promise<Published[]> {
  const opened = news.opened === undefined ? [] : await timelines.open(tx, news.opened);
  const session = (await tx.sessions.getForUpdate(id)) ?? (await reopen(tx, timelines, id, news, site));
  return session === undefined ? opened : [...opened, ...(await timelines.append(tx, session, news.entries))];
}

/** A session whose opening was lost in a crash of the boot plane: what is known of its device must do. */
async function reopen(tx: Transaction, timelines: Timelines, id: string, { device }: News, site: string) {
  const openedAt = openedAtOf(id);
  const known = device === null ? undefined : await tx.devices.get(device);
  if (openedAt === undefined || known === undefined) return undefined;
  const wire = { site, firmware: known.firmware, isPi: true } as const;
  await timelines.open(tx, {
    id,
    device: known.id,
    wire,
    generation: known.assignment?.generation ?? null,
    openedAt,
  });
  return tx.sessions.getForUpdate(id);
}

async function revokedAmong(tx: Transaction, sessions: Iterable<string>): Promise<string[]> {
  const revoked: string[] = [];
  for (const id of sessions) if ((await tx.sessions.get(id))?.outcome === 'revoked') revoked.push(id);
  return revoked;
}
