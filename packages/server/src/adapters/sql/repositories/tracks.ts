import { sql } from 'kysely';
import type { TrackChunk, TrackLimits, TrackRepository } from '../../../app/configs/ports.js';
import type { Context } from './context.js';

/** Rows of one insert: SQLite takes 32,766 parameters at once. */
const rowsAtOnce = 1000;

export const createTrackRepository = (context: Context): TrackRepository => {
  const { db } = context;
  return {
    append: (chunks, limits) => append(context, chunks, limits),
    cards: async (key, since) => {
      const rows = await db
        .selectFrom('tracked_cards')
        .select('card')
        .where('key', '=', key)
        .where('last_at', '>=', since)
        .orderBy('card')
        .execute();
      return rows.map(({ card }) => card);
    },
    lines: async (key, card) => {
      const rows = await db
        .selectFrom('track_chunks')
        .select('lines')
        .where('key', '=', key)
        .where('card', '=', card)
        .orderBy('at')
        .orderBy('id')
        .execute();
      return rows.flatMap(({ lines }) => lines.split('\n'));
    },
    prune: async (before) => {
      await db.deleteFrom('track_chunks').where('at', '<', before).execute();
      const gone = await db.deleteFrom('tracked_cards').where('last_at', '<', before).returning('card').execute();
      return gone.length;
    },
  };
};

const slices = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / rowsAtOnce) }, (_, index) =>
    items.slice(index * rowsAtOnce, (index + 1) * rowsAtOnce),
  );

/** In one order, so that two servers that write at once do not wait for each other in a circle. */
const inOrder = (chunks: readonly TrackChunk[]): TrackChunk[] =>
  [...chunks].sort((a, b) => (a.key + a.card < b.key + b.card ? -1 : 1));

const append = async (context: Context, chunks: readonly TrackChunk[], limits: TrackLimits): Promise<void> => {
  const { db } = context;
  const long: { key: string; card: string }[] = [];
  const keysWithNews = new Set<string>();
  for (const slice of slices(inOrder(chunks))) {
    const seen = await db
      .insertInto('tracked_cards')
      .values(slice.map(({ key, card, at, lines }) => ({ key, card, last_at: at, lines: lines.length })))
      .onConflict((conflict) =>
        conflict.columns(['key', 'card']).doUpdateSet({
          last_at: sql`excluded.last_at`,
          lines: sql`tracked_cards.lines + excluded.lines`,
        }),
      )
      .returning(['key', 'card', 'lines'])
      .execute();
    await db
      .insertInto('track_chunks')
      .values(
        slice.map(({ key, card, at, lines }) => ({ key, card, at, count: lines.length, lines: lines.join('\n') })),
      )
      .execute();
    for (const { key, card, lines } of seen) {
      // A fifth more is let be, so that most appends have nothing to cut.
      if (lines > limits.lines * 1.2) long.push({ key, card });
      keysWithNews.add(key);
    }
  }
  for (const { key, card } of long) await cut(context, key, card, limits.lines);
  for (const key of keysWithNews) await forgetOldest(context, key, limits.cards);
};

/** Lets the oldest chunks go until no more than `most` lines are there; the newest chunk stays as it is. */
const cut = async ({ db }: Context, key: string, card: string, most: number): Promise<void> => {
  const rows = await db
    .selectFrom('track_chunks')
    .select(['id', 'count'])
    .where('key', '=', key)
    .where('card', '=', card)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  let kept = 0;
  const gone = rows.filter(({ count }, index) => {
    if (index > 0 && kept + count > most) return true;
    kept += count;
    return false;
  });
  for (const slice of slices(gone))
    await db
      .deleteFrom('track_chunks')
      .where(
        'id',
        'in',
        slice.map(({ id }) => id),
      )
      .execute();
  await db.updateTable('tracked_cards').set({ lines: kept }).where('key', '=', key).where('card', '=', card).execute();
};

const forgetOldest = async ({ db }: Context, key: string, most: number): Promise<void> => {
  const { count } = await db
    .selectFrom('tracked_cards')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  if (count <= most) return;
  const oldest = await db
    .selectFrom('tracked_cards')
    .select('card')
    .where('key', '=', key)
    .orderBy('last_at')
    .limit(count - most)
    .execute();
  for (const slice of slices(oldest)) {
    const cards = slice.map(({ card }) => card);
    await db.deleteFrom('track_chunks').where('key', '=', key).where('card', 'in', cards).execute();
    await db.deleteFrom('tracked_cards').where('key', '=', key).where('card', 'in', cards).execute();
  }
};
