import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/**
 * Layers of boot configs with all their versions, and what cards of CattlePi said. `place` is what a layer is named by within its tenant. A track is kept in
 * chunks of lines, as they came together.
 */
export const bootConfigs = (traits: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await layers(db, traits);
    await tracks(db, traits);
  },
});

const layers = async (db: Kysely<unknown>, { text }: Traits): Promise<void> => {
  await db.schema
    .createTable('boot_layers')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text, (c) => c.notNull().references('tenants.id'))
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('place', text, (c) => c.notNull())
    .addColumn('device', text, (c) => c.references('devices.id').onDelete('cascade'))
    .addColumn('selector', text)
    .addColumn('key', text, (c) => c.references('keys.id'))
    .addColumn('card', text)
    .addColumn('priority', 'integer')
    .addColumn('inherits', 'integer', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('document', text)
    .addColumn('image', text)
    .addColumn('created_at', text, (c) => c.notNull())
    .addColumn('updated_at', text, (c) => c.notNull())
    .addUniqueConstraint('boot_layers_place', ['tenant', 'place'])
    .execute();
  await db.schema.createIndex('boot_layers_kind').on('boot_layers').columns(['tenant', 'kind']).execute();
  await db.schema.createIndex('boot_layers_device').on('boot_layers').column('device').execute();
  await db.schema.createIndex('boot_layers_image').on('boot_layers').column('image').execute();
  await db.schema.createIndex('boot_layers_key').on('boot_layers').column('key').execute();
  await db.schema
    .createTable('boot_layer_versions')
    .addColumn('layer', text, (c) => c.notNull().references('boot_layers.id').onDelete('cascade'))
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('document', text)
    .addColumn('inherits', 'integer', (c) => c.notNull())
    .addColumn('priority', 'integer')
    .addColumn('at', text, (c) => c.notNull())
    .addColumn('author', text, (c) => c.notNull())
    .addColumn('reason', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('boot_layer_versions_pk', ['layer', 'version'])
    .execute();
};

const tracks = async (db: Kysely<unknown>, { text, counter, counterType }: Traits): Promise<void> => {
  await db.schema
    .createTable('tracked_cards')
    .addColumn('key', text, (c) => c.notNull().references('keys.id'))
    .addColumn('card', text, (c) => c.notNull())
    .addColumn('last_at', 'bigint', (c) => c.notNull())
    .addColumn('lines', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('tracked_cards_pk', ['key', 'card'])
    .execute();
  await db.schema.createIndex('tracked_cards_seen').on('tracked_cards').columns(['key', 'last_at']).execute();
  await db.schema
    .createTable('track_chunks')
    .addColumn('id', counterType, counter)
    .addColumn('key', text, (c) => c.notNull())
    .addColumn('card', text, (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('count', 'integer', (c) => c.notNull())
    .addColumn('lines', text, (c) => c.notNull())
    .addForeignKeyConstraint('track_chunks_card', ['key', 'card'], 'tracked_cards', ['key', 'card'], (c) =>
      c.onDelete('cascade'),
    )
    .execute();
  await db.schema.createIndex('track_chunks_at').on('track_chunks').columns(['key', 'card', 'at']).execute();
};
