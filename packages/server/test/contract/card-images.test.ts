import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createPublished } from '../../src/app/builds/published.js';
import { createImages } from '../../src/app/images/images.js';
import type { Service } from '../../src/app/ports.js';
import { createConfigWork } from '../../src/composition/configs.js';
import { demoPrincipal } from '../../src/domain/demo.js';
import { delivers, openBuilds } from './support/build-world.js';
import { adapters } from './support/databases.js';
import { who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { aKey, anImage } from './support/records.js';
import { createTestLog, systemClock, testIds } from './support/world.js';

const folder = temporaryFolder();
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

const base = 'http://drover.test:4567';
const md5 = { initfs: 'd41d8cd98f00b204e9800998ecf8427e', rootfs: '900150983cd24fb0d6963f7d28e17f72' };
/** Ends up in each file of the build, info.sh among them. */
const text = `one\nINITFSMD5='${md5.initfs}'\nROOTFSMD5='${md5.rootfs}'\n`;

describe.each(adapters())('an image that a boot config names, on $name,', ({ create }) => {
  it('is addresses and digests that the card can fetch, published or not', async () => {
    const own = join(folder, testIds.randomHex(6));
    mkdirSync(own);
    const store = await (await create()).open();
    const { build, builds, blobs, runner, ended, admin, tenant, enqueue } = await openBuilds(store, own);
    build(delivers(own, { version: '1', disk: text }));
    running.push(runner);
    await runner.start(new AbortController().signal);
    const asked = { recipe: { kind: 'shipped' as const, name: 'base' }, release: false, publish: false };
    const made = await ended(valueOf(await builds.create(admin, asked)).id);
    const key = aKey({ tenant, role: 'device' });
    await store.transaction((tx) => tx.keys.insert(key));
    const card = { key: key.id, name: key.name, tenant, role: key.role };

    const { bootLayers, cards } = createConfigWork(
      { store, blobs },
      {
        ...{ clock: systemClock, ids: testIds, log: createTestLog(), defaultTenant: tenant },
        endOfKey: async () => ({ expiresAt: null }),
      },
    );
    valueOf(await bootLayers.put(who(tenant), 'default', { document: { image: 'sign:1' }, reason: '' }));
    const config = async (): Promise<unknown> =>
      JSON.parse(
        valueOf(await cards.config(card, 'a-key-of-cards', 'x'))
          .bytes(base)
          .body.toString(),
      );
    const sha256Of = (name: string): string => made.files.find((file) => file.name === name)?.sha256 ?? '';
    const documentBelow = (space: string) => ({
      initfs: { url: `${base}/images/${space}/base/1/initfs.tgz`, md5sum: md5.initfs, sha256: sha256Of('initfs.tgz') },
      rootfs: {
        url: `${base}/images/${space}/base/1/rootfs.sqsh`,
        md5sum: md5.rootfs,
        sha256: sha256Of('rootfs.sqsh'),
      },
      ...{ bootcode: '', usercode: '', config: {} },
    });
    expect(await config()).toEqual(documentBelow('own'));

    const published = createPublished({ store, blobs });
    const at = { name: 'base', version: '1', file: 'rootfs.sqsh' };
    expect(valueOf(await published.file(card, base, at, 'own'))).toMatchObject({
      content: { sha256: sha256Of('rootfs.sqsh') },
    });
    expect(await published.file(card, base, at)).toMatchObject({ code: 'route.not-found' });
    expect(await published.file(demoPrincipal(tenant), base, at, 'own')).toMatchObject({ code: 'route.not-found' });

    valueOf(await builds.update(admin, made.id, { publish: true }));
    await expect.poll(config).toEqual(documentBelow('global'));
    expect(valueOf(await published.file(card, base, at))).toMatchObject({ kind: 'blob' });

    const folders = { resolve: async () => Promise.reject(new Error('no paths in this test')) };
    const images = createImages({
      ...{ store, blobs, folders, enqueue, clock: systemClock, ids: testIds, defaultTenant: tenant },
    });
    expect(await images.remove(admin, 'sign:1', undefined)).toMatchObject({
      code: 'image.in-use',
      conflicts: ['default'],
    });

    await store.transaction((tx) => tx.images.insert(anImage({ tenant, name: 'imported', version: '1' })));
    const refused = await bootLayers.put(who(tenant), 'default', { document: { image: 'imported:1' }, reason: '' });
    expect(refused).toMatchObject({ code: 'image.unfit', errors: [{ field: 'document.image' }] });
  });
});
