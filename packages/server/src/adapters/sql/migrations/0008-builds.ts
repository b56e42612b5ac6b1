import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Builds of images, and the files they made. The image has a life of its own, so it is named and not referred to; the digests of the files keep the blobs. */
export const builds = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('builds')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('tenant', text, (c) => c.references('tenants.id'))
      .addColumn('recipe', text, (c) => c.notNull())
      .addColumn('source', text, (c) => c.notNull())
      .addColumn('lock_upload', text)
      .addColumn('trigger_kind', text, (c) => c.notNull())
      .addColumn('schedule', text)
      .addColumn('release', 'integer', (c) => c.notNull())
      .addColumn('publish', 'integer', (c) => c.notNull())
      .addColumn('pinned', 'integer', (c) => c.notNull())
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('image', text)
      .addColumn('image_id', text)
      .addColumn('unchanged', 'integer', (c) => c.notNull())
      .addColumn('manifest', text)
      .addColumn('log_bytes', 'bigint', (c) => c.notNull())
      .addColumn('job', text)
      .addColumn('error', text)
      .addColumn('created_at', text, (c) => c.notNull())
      .addColumn('started_at', text)
      .addColumn('ended_at', text)
      .execute();
    await db.schema.createIndex('builds_recipe').on('builds').columns(['recipe', 'created_at']).execute();
    await db.schema.createIndex('builds_schedule').on('builds').columns(['schedule', 'created_at']).execute();
    await db.schema
      .createTable('build_files')
      .addColumn('build', text, (c) => c.notNull().references('builds.id').onDelete('cascade'))
      .addColumn('name', text, (c) => c.notNull())
      .addColumn('digest', text, (c) => c.notNull())
      .addColumn('size', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('build_files_key', ['build', 'name'])
      .execute();
    await db.schema.createIndex('build_files_digest').on('build_files').column('digest').execute();
  },
});
