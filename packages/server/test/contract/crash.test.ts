import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFsBlobStore, createUploadStore } from '../../src/adapters/blobs/index.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createJobRunner } from '../../src/app/jobs/runner.js';
import { randomFrom, runAndKill, runs, runsTimeoutMs, seed } from './support/child.js';
import { countingJob, countTo } from './support/counting-job.js';
import { adapters, type TestDatabase } from './support/databases.js';
import { inPieces, temporaryFolder } from './support/folders.js';
import { createTestLog, systemClock, testIds } from './support/world.js';

interface Said {
  readonly rows: string[];
  readonly blobs: string[];
  upload: string | undefined;
  offset: number;
}

/** Runs the writer, kills it `delay` ms after it began to write, and returns what it had acknowledged. */
const writeAndKill = async (location: TestDatabase['location'], folder: string, delay: number): Promise<Said> => {
  const said: Said = { rows: [], blobs: [], upload: undefined, offset: 0 };
  for (const [what, value] of await runAndKill('writer.ts', { location, folder }, delay)) {
    if (what === 'row') said.rows.push(value);
    if (what === 'blob') said.blobs.push(value);
    if (what === 'upload') said.upload = value;
    if (what === 'offset') said.offset = Number(value);
  }
  return said;
};

describe.each(adapters())('a server on $name that is killed while it writes', ({ create }) => {
  const folder = temporaryFolder();

  it(
    `keeps what it acknowledged and nothing half done (${runs} moments, seed ${seed})`,
    { timeout: runsTimeoutMs },
    async () => {
      const random = randomFrom(seed);
      const database = await create();
      const data = join(folder, testIds.randomHex(4));
      mkdirSync(data);
      const rows: string[] = [];
      const blobs: string[] = [];
      const uploads: { id: string; offset: number }[] = [];
      // A slow machine may acknowledge nothing in the moments it is given.
      for (let run = 0; run < runs || rows.length === 0; run += 1) {
        const said = await writeAndKill(database.location, data, random() * 600);
        rows.push(...said.rows);
        blobs.push(...said.blobs);
        if (said.upload !== undefined) uploads.push({ id: said.upload, offset: said.offset });
      }
      expect(rows.length).toBeGreaterThan(0);
      await checkRows(database, rows, blobs);
      await checkBlobs(data, blobs);
      await checkUploads(data, uploads);
    },
  );
});

describe.each(adapters())('a job on $name whose server is killed', ({ create }) => {
  it(`goes on in its next life and ends once (${runs} moments, seed ${seed})`, { timeout: runsTimeoutMs }, async () => {
    const random = randomFrom(seed);
    const database = await create();
    const store = await database.open();
    const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
    const job = { kind: 'blob.verify', tenant: null, subject: null, input: {} } as const;
    const id = await store.transaction((tx) => enqueue(tx, job));
    for (let run = 0; run < runs; run += 1) {
      await runAndKill('worker.ts', { location: database.location, owner: 'server' }, random() * 300);
    }
    const deps = { store, clock: systemClock, ids: testIds, log: createTestLog(), concurrency: 1, owner: 'server' };
    const runner = createJobRunner({ ...deps, handlers: [countingJob(store)] });
    await runner.start(new AbortController().signal);
    const ended = async () => (await store.read((tx) => tx.jobs.get(id)))?.endedAt != null;
    while (!(await ended())) await sleep(50);
    await runner.stop();
    expect(await store.read((tx) => tx.jobs.get(id))).toMatchObject({ state: 'succeeded', error: null });
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 100, subject: id }));
    expect(events.map((event) => event.type)).toEqual(['job.created', 'job.ended']);
    const last = await store.read((tx) => tx.settings.get(`step-${countTo}`));
    expect(last).toBe('done');
  });
});

/** Every acknowledged row is there; each row has its event, and rows that were written together are together. */
const checkRows = async (database: TestDatabase, rows: string[], blobs: string[]): Promise<void> => {
  const store = await database.open();
  const events = await store.read((tx) => tx.events.list({ after: 0, limit: 1_000_000 }));
  const told = new Set(events.map((event) => event.subject));
  expect(rows.filter((id) => !told.has(id))).toEqual([]);
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await store.read((tx) => tx.tenants.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) }));
    expect(page.items.filter((tenant) => !told.has(tenant.id))).toEqual([]);
    count += page.items.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  expect(count).toBe(told.size);
  expect(count % 2).toBe(0);
  const known = await store.read(async (tx) => {
    const found = [];
    for (const digest of blobs) found.push((await tx.blobs.get(digest))?.digest);
    return found;
  });
  expect(known).toEqual(blobs);
  await store.transaction((tx) => tx.settings.putIfAbsent('still', 'writable'));
};

/** Every acknowledged blob is there, and whatever else is there is whole; torn pieces are swept. */
const checkBlobs = async (data: string, acknowledged: string[]): Promise<void> => {
  const store = await createFsBlobStore(join(data, 'blobs'));
  await store.sweepScratch();
  expect(readdirSync(join(data, 'blobs', 'tmp'))).toEqual([]);
  const listed = new Set<string>();
  for await (const { digest } of store.list()) {
    listed.add(digest);
    expect(await store.verify(digest)).toBe('sound');
    expect(statSync(store.localPath(digest) ?? '').mode & 0o777).toBe(0o444);
  }
  expect(acknowledged.filter((digest) => !listed.has(digest))).toEqual([]);
  await store.close();
};

/** The upload holds at least what was acknowledged, as it was sent; the next append goes on from there. */
const checkUploads = async (data: string, uploads: { id: string; offset: number }[]): Promise<void> => {
  const store = await createUploadStore(join(data, 'uploads'));
  for (const { id, offset } of uploads) {
    expect(await store.size(id)).toBeGreaterThanOrEqual(offset);
    expect(await store.append(id, offset, inPieces(Buffer.from('end'), 3), 1e12)).toBe(offset + 3);
    const bytes = readFileSync(store.path(id));
    expect(bytes.subarray(offset).toString()).toBe('end');
    const wrong = bytes.subarray(0, offset).findIndex((byte, i) => byte !== ((i * 31) & 0xff));
    expect(wrong).toBe(-1);
  }
};
