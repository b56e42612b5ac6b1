import { mkdirSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Job } from '@drover/contract';
import type { Service } from '../../src/app/ports.js';
import { adapters } from './support/databases.js';
import { temporaryFolder } from './support/folders.js';
import { openImporter, unpackToNothing, valueOf, type Unpack } from './support/importer.js';
import { testIds } from './support/world.js';

const folder = temporaryFolder();
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

type Importer = Awaited<ReturnType<typeof openImporter>>;

describe.each(adapters())('an import on $name', ({ create }) => {
  const open = async (unpack?: Unpack): Promise<Importer> => {
    const own = join(folder, testIds.randomHex(6));
    mkdirSync(own);
    return openImporter(await (await create()).open(), own, unpack);
  };
  const start = async ({ runner }: Importer): Promise<void> => {
    running.push(runner);
    await runner.start(new AbortController().signal);
  };
  const endOf = async ({ jobs, admin }: Importer, id: string | null): Promise<Job> => {
    await expect.poll(async () => valueOf(await jobs.get(admin, id ?? '')).endedAt).not.toBeNull();
    return valueOf(await jobs.get(admin, id ?? ''));
  };

  it('holds its upload until it ended: it is not deleted, not swept away, and not taken by another one', async () => {
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const importer = await open(async (...given) => {
      await held;
      return unpackToNothing(...given);
    });
    const { admin, uploads, clock, files } = importer;
    const upload = await importer.upload();
    const image = valueOf(await importer.importFrom({ kind: 'upload', upload }));
    await start(importer);

    const refused = await uploads.remove(admin, upload);
    expect(refused).toMatchObject({ ok: false, code: 'upload.in-use', conflicts: ['a:1'] });
    expect(refused).toHaveProperty('remedy', expect.stringContaining(`drover job cancel ${image.job}`));
    expect(await importer.importFrom({ kind: 'upload', upload }, 'b')).toMatchObject({
      code: 'upload.in-use',
      errors: [{ field: 'source.upload' }],
    });
    clock.advance(48 * 3_600_000);
    await uploads.sweep();
    expect(await files.list()).toEqual([upload]);

    goOn();
    expect(await endOf(importer, image.job)).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(await uploads.get(admin, upload)).toMatchObject({ code: 'upload.not-found' });
    await expect.poll(() => files.list()).toEqual([]);
  });

  it('that was cancelled gives up its upload', async () => {
    const importer = await open();
    const upload = await importer.upload();
    const image = valueOf(await importer.importFrom({ kind: 'upload', upload }));
    valueOf(await importer.jobs.cancel(importer.admin, image.job ?? ''));
    await start(importer);
    expect((await endOf(importer, image.job)).state).toBe('cancelled');
    expect(await importer.uploads.get(importer.admin, upload)).toMatchObject({ code: 'upload.not-found' });
  });

  it('of two tars that are one and the same upload, or have one digest, is refused', async () => {
    const importer = await open();
    const upload = await importer.upload();
    const tars = { kind: 'tars', boot: upload, root: upload } as const;
    const digest = { name: 'a', version: '1', source: tars, shared: false, sha256: '0'.repeat(64) };
    expect(await importer.images.create(importer.admin, digest)).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'sha256' }],
    });
    expect(await importer.importFrom(tars)).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'source.root' }],
    });
  });

  it('whose bytes somebody took away on the disk ends at once, with the reason', async () => {
    const importer = await open();
    const upload = await importer.upload();
    await unlink(importer.files.path(upload));
    const image = valueOf(await importer.importFrom({ kind: 'upload', upload }));
    await start(importer);
    const job = await endOf(importer, image.job);
    expect(job).toMatchObject({ state: 'failed', attempts: 1, error: { code: 'upload.not-found' } });
    expect(job.error?.remedy).toBe('Upload the file again.');
  });
});
