import { sql, type ExpressionBuilder, type SqlBool } from 'kysely';
import type { BlobRepository } from '../../../app/blobs/ports.js';
import { always } from '../conditions.js';
import { mapPage, pageFrom, readCursor } from '../pages.js';
import type { BlobRow, Tables } from '../schema.js';
import type { Context } from './context.js';

const toBlob = (row: BlobRow): { digest: string; size: number; createdAt: string } => ({
  digest: row.digest,
  size: row.size,
  createdAt: row.created_at,
});

/** Every column that names a blob. A table that gets such a column is added here and in isReferenced. */
const referenced = (eb: ExpressionBuilder<Tables, 'blobs'>) =>
  eb.or([
    eb.exists(eb.selectFrom('images').select('images.id').whereRef('images.digest', '=', 'blobs.digest')),
    eb.exists(
      eb.selectFrom('derivatives').select('derivatives.image').whereRef('derivatives.blob', '=', 'blobs.digest'),
    ),
    eb.exists(eb.selectFrom('disks').select('disks.id').whereRef('disks.base', '=', 'blobs.digest')),
    eb.exists(
      eb.selectFrom('disk_backups').select('disk_backups.id').whereRef('disk_backups.digest', '=', 'blobs.digest'),
    ),
    eb.exists(
      eb.selectFrom('build_files').select('build_files.build').whereRef('build_files.digest', '=', 'blobs.digest'),
    ),
  ]);

export const createBlobRepository = ({ db }: Context): BlobRepository => ({
  record: async ({ digest, size }, at) => {
    await db
      .insertInto('blobs')
      .values({ digest, size, created_at: at })
      .onConflict((conflict) => conflict.column('digest').doUpdateSet({ created_at: at }))
      .execute();
  },
  get: async (digest) => {
    const row = await db.selectFrom('blobs').selectAll().where('digest', '=', digest).executeTakeFirst();
    return row && toBlob(row);
  },
  list: async ({ limit, cursor }) => {
    const rows = await db
      .selectFrom('blobs')
      .selectAll()
      .where(cursor === undefined ? always : sql<SqlBool>`digest > ${readCursor(cursor, [''])[0]}`)
      .orderBy('digest')
      .limit(limit + 1)
      .execute();
    return mapPage(
      pageFrom(rows, limit, (row) => [row.digest]),
      toBlob,
    );
  },
  isReferenced: async (digest) => {
    const image = await db.selectFrom('images').select('id').where('digest', '=', digest).executeTakeFirst();
    if (image !== undefined) return true;
    const made = await db.selectFrom('derivatives').select('image').where('blob', '=', digest).executeTakeFirst();
    if (made !== undefined) return true;
    const disk = await db.selectFrom('disks').select('id').where('base', '=', digest).executeTakeFirst();
    if (disk !== undefined) return true;
    const backup = await db.selectFrom('disk_backups').select('id').where('digest', '=', digest).executeTakeFirst();
    if (backup !== undefined) return true;
    const built = await db.selectFrom('build_files').select('build').where('digest', '=', digest).executeTakeFirst();
    return built !== undefined;
  },
  unreferenced: async (before, limit) => {
    const rows = await db
      .selectFrom('blobs')
      .selectAll()
      .where('created_at', '<', before)
      .where((eb) => eb.not(referenced(eb)))
      .orderBy('digest')
      .limit(limit)
      .execute();
    return rows.map(({ digest, size }) => ({ digest, size }));
  },
  totals: async () => {
    const { count, bytes } = await db
      .selectFrom('blobs')
      .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.sum<number | string | null>('size').as('bytes')])
      .executeTakeFirstOrThrow();
    return { count, bytes: Number(bytes ?? 0) };
  },
  neededBy: async (digest) => {
    const rows = await db
      .selectFrom('images')
      .select(['name', 'version'])
      .where((eb) =>
        eb.or([
          eb('digest', '=', digest),
          eb('id', 'in', eb.selectFrom('derivatives').select('image').where('blob', '=', digest)),
        ]),
      )
      .orderBy('name')
      .orderBy('version')
      .execute();
    return rows.map(({ name, version }) => `${name}:${version}`);
  },
  forget: async (digest) => {
    await db.deleteFrom('blobs').where('digest', '=', digest).execute();
  },
});
