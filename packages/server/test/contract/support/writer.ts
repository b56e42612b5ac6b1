import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createFsBlobStore, createUploadStore } from '../../../src/adapters/blobs/index.js';
import { createSqlStore } from '../../../src/adapters/sql/index.js';
import { aTenant, someTime } from './records.js';
import { createTestLog, testIds } from './world.js';
import { inPieces } from './pieces.js';

// A process that is to be killed: it writes rows with events, blobs and an upload as fast as it can, and says what was acknowledged, a line each.

interface Settings {
  readonly location: { readonly file: string } | { readonly url: string; readonly schema: string };
  readonly folder: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as Settings;
const say = (what: string, value: string | number): void => {
  process.stdout.write(`${what} ${value}\n`);
};

const store = await createSqlStore({ ...settings.location, log: createTestLog() });
const blobs = await createFsBlobStore(join(settings.folder, 'blobs'));
const uploads = await createUploadStore(join(settings.folder, 'uploads'));
say('ready', 0);

const rows = async (): Promise<never> => {
  for (;;) {
    const tenants = [aTenant(testIds.randomHex(8)), aTenant(testIds.randomHex(8))];
    await store.transaction(async (tx) => {
      for (const tenant of tenants) {
        await tx.tenants.insert(tenant);
        const event = {
          type: 'tenant.created',
          at: someTime,
          tenant: tenant.id,
          subject: tenant.id,
          data: {},
        } as const;
        await tx.events.append(event);
      }
    });
    for (const tenant of tenants) say('row', tenant.id);
  }
};

const files = async (): Promise<never> => {
  for (;;) {
    const blob = await blobs.put(inPieces(randomBytes(1 + Math.floor(Math.random() * 300_000)), 65_536));
    await store.transaction((tx) => tx.blobs.record(blob, someTime));
    say('blob', blob.digest);
  }
};

/** Byte `n` of the upload is a function of n, so that the parent can check any length of it. */
const pattern = (from: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = ((from + i) * 31) & 0xff;
  return bytes;
};

const appends = async (): Promise<never> => {
  const id = testIds.next('upl');
  say('upload', id);
  for (let offset = 0; ;) {
    offset = await uploads.append(id, offset, inPieces(pattern(offset, 50_000), 8192), 1e12);
    say('offset', offset);
  }
};

await Promise.all([rows(), files(), appends()]);
