import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { until } from '../server.js';
import { sha256OfFile } from './card.js';
import { endOf, expectSucceeded } from './world.js';
import type { House } from './house.js';

/** What must be true of the data folder whenever no job runs: nothing half done lies about, and nobody works on it. */
export const judgeFolder = async ({ dataDir, strays }: House): Promise<void> => {
  const left = async (): Promise<string[]> => {
    const scratch = (await readdir(join(dataDir, 'blobs/tmp'))).map((name) => `scratch ${name}`);
    const uploads = (await readdir(join(dataDir, 'uploads'))).map((name) => `upload ${name}`);
    return [...scratch, ...uploads, ...(await strays())];
  };
  let found = await left();
  // A job ends in the database first; a moment later it has thrown its files away.
  await until('', async () => (found = await left()).length === 0, 5000).catch(() => {
    throw new Error(`left behind in the data folder: ${found.join(', ')}`);
  });
};

const diskPath = (dataDir: string, digest: string): string => join(dataDir, 'blobs/sha256', digest.slice(0, 2), digest);

/** Whether there is a blob of that name, whole or not. */
export const hasDisk = async ({ dataDir }: House, digest: string): Promise<boolean> =>
  stat(diskPath(dataDir, digest)).then(
    () => true,
    () => false,
  );

/** Whether an image's disk lies there whole. */
export const judgeDisk = async ({ dataDir }: House, digest: string): Promise<void> => {
  const actual = await sha256OfFile(diskPath(dataDir, digest));
  if (actual !== digest) throw new Error(`the disk ${digest} has the bytes of ${actual}`);
};

interface Names {
  readonly referenced: Set<string>;
  readonly rows: Set<string>;
}

const namesIn = (dataDir: string): Names => {
  const database = new DatabaseSync(join(dataDir, 'drover.sqlite'));
  try {
    const read = (query: string): Set<string> =>
      new Set(
        database
          .prepare(query)
          .all()
          .map((row) => String((row as { digest: unknown }).digest)),
      );
    return {
      referenced: read('select digest from images where digest is not null union select blob from derivatives'),
      rows: read('select digest from blobs'),
    };
  } finally {
    database.close();
  }
};

const filesIn = async (dataDir: string): Promise<Map<string, string>> => {
  const root = join(dataDir, 'blobs/sha256');
  const files = new Map<string, string>();
  for (const folder of await readdir(root))
    for (const name of await readdir(join(root, folder))) files.set(name, join(root, folder, name));
  return files;
};

/** Makes every blob two days older, beyond the grace of the collector. The server must not run. */
const age = async (dataDir: string): Promise<void> => {
  const then = new Date(Date.now() - 2 * 86_400_000);
  for (const path of (await filesIn(dataDir)).values()) await utimes(path, then, then);
  const database = new DatabaseSync(join(dataDir, 'drover.sqlite'));
  database.prepare('update blobs set created_at = ?').run(then.toISOString());
  database.close();
};

const without = (some: Iterable<string>, others: { has(name: string): boolean }): string[] =>
  [...some].filter((name) => !others.has(name));

/** Every blob that is wanted is there and sound; once the collector ran over old blobs, no other is. */
export const judgeBlobs = async (house: House): Promise<void> => {
  const { client, dataDir } = house;
  const verify = await endOf(house, (await client.blobs.verify()).id);
  expectSucceeded(verify);
  if (verify.result?.['damaged'] !== 0 || verify.result['absent'] !== 0)
    throw new Error(`verification found ${JSON.stringify(verify.result)}`);

  const code = await house.stop();
  if (code !== 0) throw new Error(`the orderly stop ended with ${code}`);
  const before = namesIn(dataDir);
  const unknown = without(before.referenced, before.rows);
  if (unknown.length > 0) throw new Error(`no row knows the blobs ${unknown.join(', ')}, which are in use`);
  await age(dataDir);
  await house.start();
  expectSucceeded(await endOf(house, (await client.blobs.collect()).id));
  const { referenced, rows } = namesIn(dataDir);
  const files = await filesIn(dataDir);
  const wrong = [
    ...without(referenced, files).map((name) => `${name} is in use and gone`),
    ...without(files.keys(), referenced).map((name) => `${name} is left and nobody's`),
    ...without(rows, referenced).map((name) => `the row of ${name} is left and nobody's`),
  ];
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  for (const [digest, path] of files)
    if ((await stat(path)).size > 0 && (await sha256OfFile(path)) !== digest) throw new Error(`${digest} is damaged`);
};
