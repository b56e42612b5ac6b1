import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusal, RefusedError } from '@drover/contract';
import { openDemo, withDemo } from '../../src/app/tenants/demo.js';
import { gzip } from '../../src/adapters/archive/index.js';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { keepDerivative } from '../../src/app/images/derivatives.js';
import { createImageDownloads } from '../../src/app/images/downloads.js';
import { adapters } from './support/databases.js';
import { makeImage, makeTenant, who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { inPieces } from './support/pieces.js';
import { facts } from './support/records.js';
import { createTestClock, createTestLog, testIds } from './support/world.js';

const folder = temporaryFolder();
const content = Buffer.from('a whole disk');

describe.each(adapters())('downloads of images on $name', ({ create }) => {
  const open = async () => {
    const own = join(folder, testIds.randomHex(6));
    mkdirSync(own);
    const store = await (await create()).open();
    const blobs = await createFsBlobStore(own);
    const { digest, size } = await blobs.put(inPieces(content, 5));
    const tenant = await makeTenant(store, 'default');
    const reach = { debian: true };
    return {
      reach,
      store,
      blobs,
      clock: createTestClock(),
      tenant,
      digest,
      size,
      downloads: createImageDownloads({
        ...{ store, blobs, compress: gzip, bootUrl: () => undefined, cardKey: async () => 'the key\n' },
        log: createTestLog(),
        prepareCard: async (image) => {
          if (!reach.debian) throw new RefusedError(refusal('server.fault', 'Debian cannot be reached.'));
          const made = await blobs.put(inPieces(Buffer.from(' of cards'), 5));
          await store.transaction((tx) =>
            keepDerivative(tx, {
              ...{ image, kind: 'card-initramfs', variant: 'arm64', blob: made.digest, size: made.size },
              ...{ recipe: 'c', createdAt: '2026-01-01T00:00:00.000Z' },
            }),
          );
        },
      }),
    };
  };

  it('gives the disk with its digest, whole or from anywhere', async () => {
    const { store, tenant, digest, size, downloads } = await open();
    await makeImage(store, { tenant, digest, size });
    const file = valueOf(await downloads.disk(who(tenant, 'reader'), 'debian:12'));
    expect(file).toMatchObject({ sha256: digest, size, filename: 'debian-12.img' });
    expect(await buffer(file.stream())).toEqual(content);
    expect(await buffer(file.stream({ start: 2, end: 6 }))).toEqual(content.subarray(2, 7));
  });

  it('gives the files of a card as an archive that tar reads, with their bytes from wherever they lie', async () => {
    const { store, tenant, digest, size, blobs, downloads, reach } = await open();
    const image = await makeImage(store, { tenant, digest, size });
    expect(await downloads.card(who(tenant), 'debian:12', {})).toMatchObject({ errors: [{ field: 'server' }] });
    const server = 'http://192.0.2.1:8081';
    expect(await downloads.card(who(tenant), 'debian:12', { server })).toMatchObject({ code: 'image.not-ready' });
    const tree = { version: 1, image: digest, config: null, cmdline: null, kernels: [] };
    const files = [{ path: 'Overlays/part.dtbo', size: 6, extents: [[2, 5]] }];
    const treeBlob = await blobs.put(inPieces(Buffer.from(JSON.stringify({ ...tree, files })), 50));
    const common = await blobs.put(inPieces(Buffer.from('initramfs'), 5));
    await store.transaction(async (tx) => {
      const made = { image: image.id, recipe: 'r', createdAt: image.createdAt };
      for (const blob of [treeBlob, common]) await tx.blobs.record(blob, image.createdAt);
      await tx.images.saveDerivative({
        ...{ ...made, kind: 'boot-tree', variant: '', blob: treeBlob.digest, size: treeBlob.size },
      });
      const variant = 'common/arm64';
      await tx.images.saveDerivative({ ...made, kind: 'initramfs', variant, blob: common.digest, size: common.size });
    });
    const card = valueOf(await downloads.card(who(tenant, 'reader'), 'debian:12', { server }));
    const packed = await buffer(card.stream());
    expect(await buffer(card.stream())).toEqual(packed);
    const into = join(folder, testIds.randomHex(6));
    mkdirSync(into);
    execFileSync('tar', ['-xz', '-C', into], { input: packed });
    expect(readFileSync(join(into, 'Overlays/part.dtbo'))).toEqual(Buffer.from('whole\0'));
    expect(readFileSync(join(into, 'drover.img'), 'utf8')).toBe('initramfs');
    expect(readFileSync(join(into, 'drover/card.conf'), 'utf8')).toContain(`server=${server}`);
    expect(card.filename).toBe('debian-12-card.tgz');
    expect(existsSync(join(into, 'drover/card.pub'))).toBe(false);

    // One that may be kept on a card has what it takes, and the key of who may tell it so.
    const kept = facts({ rootModes: ['ram', 'sd'] });
    await store.transaction((tx) => tx.images.update(image.id, image.revision, { facts: kept }));
    reach.debian = false;
    const plain = valueOf(await downloads.card(who(tenant, 'reader'), 'debian:12', { server }));
    execFileSync('tar', ['-xz', '-C', into], { input: await buffer(plain.stream()) });
    expect(readFileSync(join(into, 'drover.img'), 'utf8')).toBe('initramfs');
    reach.debian = true;
    const more = valueOf(await downloads.card(who(tenant, 'reader'), 'debian:12', { server }));
    execFileSync('tar', ['-xz', '-C', into], { input: await buffer(more.stream()) });
    expect(readFileSync(join(into, 'drover.img'), 'utf8')).toBe('initramfs\0\0\0 of cards');
    expect(readFileSync(join(into, 'drover/card.pub'), 'utf8')).toBe('the key\n');
  });

  it('shows with the demo key what its tenant has, and nothing that tenants share', async () => {
    const { store, clock, digest, size, downloads } = await open();
    const demo = await openDemo({ store, clock, ids: testIds });
    expect(await openDemo({ store, clock, ids: testIds })).toBe(demo);
    const unknown = async () => refusal('auth.invalid', 'not known');
    const { authenticate } = withDemo({ authenticate: unknown }, demo);
    const visitor = valueOf(await authenticate('deadbeef'));
    expect(await authenticate('deadbee')).toMatchObject({ code: 'auth.invalid' });
    await makeImage(store, { tenant: null, name: 'shared', digest, size });
    await makeImage(store, { tenant: demo, name: 'open', digest, size });
    expect(await downloads.disk(visitor, 'shared:12')).toMatchObject({ code: 'image.not-found' });
    expect(valueOf(await downloads.disk(visitor, 'open:12'))).toMatchObject({ size });
  });

  it('gives nothing of another tenant, of an image that is not ready, or whose bytes are gone', async () => {
    const { store, tenant, digest, size, downloads } = await open();
    await makeImage(store, { tenant, digest, size });
    const other = await makeTenant(store, 'other');
    expect(await downloads.disk(who(other, 'admin'), 'debian:12')).toMatchObject({ code: 'image.not-found' });
    await makeImage(store, { tenant, name: 'young', state: 'importing', digest: null, size: null });
    expect(await downloads.disk(who(tenant), 'young:12')).toMatchObject({ code: 'image.not-ready' });
    await makeImage(store, { tenant, name: 'gone' });
    expect(await downloads.disk(who(tenant), 'gone:12')).toMatchObject({ code: 'blob.not-found' });
  });
});
