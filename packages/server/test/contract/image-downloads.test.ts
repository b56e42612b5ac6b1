import { mkdirSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { createImageDownloads } from '../../src/app/images/downloads.js';
import { adapters } from './support/databases.js';
import { makeImage, makeTenant, who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { inPieces } from './support/pieces.js';
import { testIds } from './support/world.js';

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
    return { store, tenant, digest, size, downloads: createImageDownloads({ store, blobs }) };
  };

  it('gives the disk with its digest, whole or from anywhere', async () => {
    const { store, tenant, digest, size, downloads } = await open();
    await makeImage(store, { tenant, digest, size });
    const file = valueOf(await downloads.disk(who(tenant, 'reader'), 'debian:12'));
    expect(file).toMatchObject({ sha256: digest, size, filename: 'debian-12.img' });
    expect(await buffer(file.stream())).toEqual(content);
    expect(await buffer(file.stream({ start: 2, end: 6 }))).toEqual(content.subarray(2, 7));
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
