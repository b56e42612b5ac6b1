import { sql, type Kysely, type Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Tenants, keys, audit, events, jobs, blobs, images, devices, boot sessions. */
export const foundation = (traits: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await tenancy(db, traits);
    await log(db, traits);
    await images(db, traits);
    await devices(db, traits);
    await sessions(db, traits);
  },
});

const tenancy = async (db: Kysely<unknown>, { text, counter, counterType }: Traits): Promise<void> => {
  await db.schema
    .createTable('tenants')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('name', text, (c) => c.notNull().unique())
    .addColumn('created_at', text, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('keys')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text, (c) => c.references('tenants.id'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('role', text, (c) => c.notNull())
    .addColumn('hint', text, (c) => c.notNull())
    .addColumn('hash', text, (c) => c.notNull().unique())
    .addColumn('created_at', text, (c) => c.notNull())
    .addColumn('expires_at', text)
    .addColumn('revoked_at', text)
    .addColumn('last_used_at', text)
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('seq', counterType, counter)
    .addColumn('at', text, (c) => c.notNull())
    .addColumn('key', text)
    .addColumn('key_name', text, (c) => c.notNull())
    .addColumn('tenant', text)
    .addColumn('operation', text, (c) => c.notNull())
    .addColumn('subject', text)
    .addColumn('outcome', text, (c) => c.notNull())
    .addColumn('address', text, (c) => c.notNull())
    .addColumn('request_id', text, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('audit_tenant').on('audit').columns(['tenant', 'seq']).execute();
  await db.schema
    .createTable('idempotency')
    .addColumn('scope', text, (c) => c.notNull())
    .addColumn('key', text, (c) => c.notNull())
    .addColumn('fingerprint', text, (c) => c.notNull())
    .addColumn('status', 'integer')
    .addColumn('answer', text)
    .addColumn('created_at', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('idempotency_pk', ['scope', 'key'])
    .execute();
  await db.schema.createIndex('idempotency_age').on('idempotency').column('created_at').execute();
};

const log = async (db: Kysely<unknown>, { text, counter, counterType }: Traits): Promise<void> => {
  await db.schema
    .createTable('events')
    .addColumn('id', counterType, counter)
    .addColumn('type', text, (c) => c.notNull())
    .addColumn('at', text, (c) => c.notNull())
    .addColumn('tenant', text)
    .addColumn('subject', text, (c) => c.notNull())
    .addColumn('data', text, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('events_subject').on('events').columns(['subject', 'id']).execute();
  await db.schema
    .createTable('jobs')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text)
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('subject', text)
    .addColumn('state', text, (c) => c.notNull())
    .addColumn('progress', text)
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('stalls', 'integer', (c) => c.notNull())
    .addColumn('cancel_requested', 'integer', (c) => c.notNull())
    .addColumn('error', text)
    .addColumn('result', text)
    .addColumn('created_at', text, (c) => c.notNull())
    .addColumn('started_at', text)
    .addColumn('ended_at', text)
    .addColumn('input', text, (c) => c.notNull())
    .addColumn('checkpoint', text, (c) => c.notNull())
    .addColumn('lease_owner', text)
    .addColumn('lease_until', 'bigint')
    .addColumn('not_before', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('jobs_age').on('jobs').columns(['created_at', 'id']).execute();
  await db.schema.createIndex('jobs_state').on('jobs').columns(['state', 'created_at']).execute();
  await db.schema.createIndex('jobs_subject').on('jobs').columns(['subject', 'kind']).execute();
};

const images = async (db: Kysely<unknown>, { text }: Traits): Promise<void> => {
  await db.schema
    .createTable('blobs')
    .addColumn('digest', text, (c) => c.primaryKey())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('created_at', text, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('images')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text)
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('version', text, (c) => c.notNull())
    .addColumn('state', text, (c) => c.notNull())
    .addColumn('state_reason', text)
    .addColumn('digest', text)
    .addColumn('size', 'bigint')
    .addColumn('facts', text)
    .addColumn('job', text)
    .addColumn('created_at', text, (c) => c.notNull())
    .addColumn('updated_at', text, (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('source', text, (c) => c.notNull())
    .execute();
  // Two nulls differ in a unique index, but two shared images of one name must not be.
  await sql`create unique index images_ref on images (coalesce(tenant, ''), name, version)`.execute(db);
  await db.schema.createIndex('images_digest').on('images').column('digest').execute();
  await db.schema
    .createTable('derivatives')
    .addColumn('image', text, (c) => c.notNull().references('images.id').onDelete('cascade'))
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('variant', text, (c) => c.notNull())
    .addColumn('blob', text, (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('recipe', text, (c) => c.notNull())
    .addColumn('created_at', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('derivatives_pk', ['image', 'kind', 'variant'])
    .execute();
  await db.schema.createIndex('derivatives_blob').on('derivatives').column('blob').execute();
  await db.schema
    .createTable('uploads')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('filename', text, (c) => c.notNull())
    .addColumn('size', 'bigint')
    .addColumn('offset', 'bigint', (c) => c.notNull())
    .addColumn('complete', 'integer', (c) => c.notNull())
    .addColumn('expires_at', text, (c) => c.notNull())
    .addColumn('created_at', text, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('uploads_expiry').on('uploads').column('expires_at').execute();
};

const devices = async (db: Kysely<unknown>, { text }: Traits): Promise<void> => {
  await db.schema
    .createTable('devices')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('tenant', text, (c) => c.references('tenants.id'))
    .addColumn('site', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('state', text, (c) => c.notNull())
    .addColumn('state_reason', text)
    .addColumn('model', text, (c) => c.notNull())
    .addColumn('model_name', text)
    .addColumn('firmware', text, (c) => c.notNull())
    .addColumn('mac', text)
    .addColumn('serial', text)
    .addColumn('boot_prefix', text)
    .addColumn('image', text, (c) => c.references('images.id'))
    .addColumn('image_name', text)
    .addColumn('root_mode', text)
    .addColumn('kernel_parameters', text)
    .addColumn('assignment_generation', 'integer')
    .addColumn('assigned_at', text)
    .addColumn('last_address', text)
    .addColumn('last_seen_at', text)
    .addColumn('last_session', text)
    .addColumn('up_generation', 'integer')
    .addColumn('created_at', text, (c) => c.notNull())
    .addColumn('updated_at', text, (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('generation', 'integer', (c) => c.notNull())
    .execute();
  await sql`create unique index devices_name on devices (coalesce(tenant, ''), name)`.execute(db);
  await db.schema.createIndex('devices_age').on('devices').columns(['created_at', 'id']).execute();
  await db.schema.createIndex('devices_free').on('devices').columns(['state', 'tenant', 'updated_at']).execute();
  await db.schema.createIndex('devices_image').on('devices').column('image').execute();
  await db.schema
    .createTable('identities')
    .addColumn('site', text, (c) => c.notNull())
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('value', text, (c) => c.notNull())
    .addColumn('device', text, (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('identities_pk', ['site', 'kind', 'value'])
    .execute();
  await db.schema.createIndex('identities_device').on('identities').column('device').execute();
  await db.schema.createIndex('identities_value').on('identities').columns(['value', 'kind']).execute();
  await db.schema
    .createTable('device_labels')
    .addColumn('device', text, (c) => c.notNull().references('devices.id').onDelete('cascade'))
    .addColumn('key', text, (c) => c.notNull())
    .addColumn('value', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('device_labels_pk', ['device', 'key'])
    .execute();
  await db.schema.createIndex('device_labels_pair').on('device_labels').columns(['key', 'value']).execute();
  await db.schema
    .createTable('device_secrets')
    .addColumn('device', text, (c) => c.primaryKey().references('devices.id').onDelete('cascade'))
    .addColumn('machine_id', text, (c) => c.notNull())
    .addColumn('ssh_host_keys', text, (c) => c.notNull())
    .execute();
};

const sessions = async (db: Kysely<unknown>, { text }: Traits): Promise<void> => {
  // No reference to devices: telemetry of a board may arrive after its device was deleted, and must not fail the whole batch.
  await db.schema
    .createTable('sessions')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('device', text, (c) => c.notNull())
    .addColumn('stage', text, (c) => c.notNull())
    .addColumn('outcome', text, (c) => c.notNull())
    .addColumn('verdict', text)
    .addColumn('firmware', text, (c) => c.notNull())
    .addColumn('model', text, (c) => c.notNull())
    .addColumn('mac', text)
    .addColumn('boot_prefix', text)
    .addColumn('address', text)
    .addColumn('generation', 'integer')
    .addColumn('started_at', text, (c) => c.notNull())
    .addColumn('up_at', text)
    .addColumn('ended_at', text)
    .addColumn('bytes', 'bigint', (c) => c.notNull())
    .addColumn('nonce_hash', text)
    .addColumn('exchanged_at', text)
    .addColumn('secret_expires_at', 'bigint', (c) => c.notNull())
    .addColumn('last_entry_at', text, (c) => c.notNull())
    .addColumn('entries', 'integer', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('sessions_device').on('sessions').columns(['device', 'started_at']).execute();
  await db.schema.createIndex('sessions_age').on('sessions').columns(['started_at', 'id']).execute();
  await db.schema.createIndex('sessions_running').on('sessions').columns(['outcome', 'last_entry_at']).execute();
  await db.schema
    .createTable('timeline')
    .addColumn('session', text, (c) => c.notNull().references('sessions.id').onDelete('cascade'))
    .addColumn('seq', 'integer', (c) => c.notNull())
    .addColumn('entry', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('timeline_pk', ['session', 'seq'])
    .execute();
  await db.schema
    .createTable('telemetry_batches')
    .addColumn('batch', text, (c) => c.primaryKey())
    .addColumn('at', text, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('telemetry_batches_age').on('telemetry_batches').column('at').execute();
  await db.schema
    .createTable('leases')
    .addColumn('site', text, (c) => c.notNull())
    .addColumn('client_id', text, (c) => c.notNull())
    .addColumn('mac', text, (c) => c.notNull())
    .addColumn('address', text, (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('state', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('leases_pk', ['site', 'client_id'])
    .execute();
  await db.schema
    .createTable('settings')
    .addColumn('name', text, (c) => c.primaryKey())
    .addColumn('value', text, (c) => c.notNull())
    .execute();
};
