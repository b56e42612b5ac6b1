import type { UploadRecord, UploadRepository } from '../../../app/images/ports.js';
import { defined, fromBit, toBit } from '../codec.js';
import type { UploadRow } from '../schema.js';
import type { Context } from './context.js';

const toUpload = (row: UploadRow): UploadRecord => ({
  id: row.id,
  tenant: row.tenant,
  filename: row.filename,
  size: row.size,
  offset: row.offset,
  complete: fromBit(row.complete),
  expiresAt: row.expires_at,
  createdAt: row.created_at,
  image: row.image,
});

export const createUploadRepository = ({ db }: Context): UploadRepository => ({
  insert: async (upload) => {
    await db
      .insertInto('uploads')
      .values({
        id: upload.id,
        tenant: upload.tenant,
        filename: upload.filename,
        size: upload.size,
        offset: upload.offset,
        complete: toBit(upload.complete),
        expires_at: upload.expiresAt,
        created_at: upload.createdAt,
        image: upload.image,
      })
      .execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('uploads').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toUpload(row);
  },
  update: async (id, change) => {
    const columns = defined({
      offset: change.offset,
      size: change.size,
      complete: change.complete === undefined ? undefined : toBit(change.complete),
      expires_at: change.expiresAt,
      image: change.image,
    });
    if (Object.keys(columns).length === 0) return;
    await db.updateTable('uploads').set(columns).where('id', '=', id).execute();
  },
  delete: async (id) => {
    await db.deleteFrom('uploads').where('id', '=', id).execute();
  },
  expired: async (before) => {
    const rows = await db
      .selectFrom('uploads')
      .selectAll()
      .where('expires_at', '<', before)
      .where('image', 'is', null)
      .orderBy('expires_at')
      .execute();
    return rows.map(toUpload);
  },
});
