import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../packages/server/test/contract/support/child.js';
import { announceMoments, loopTimeout, seed } from '../packages/server/test/interop/moments.js';
import { buildCache, buildRecipe, cli } from './drover/build.js';

const moments = announceMoments('interrupted builds', 3);
/** About as long as a build takes whose lower layers are there. */
const wholeMs = 45_000;
let folder: string;
let recipe: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-interrupted-'));
  recipe = path.join(folder, 'interrupted');
  await mkdir(recipe);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A recipe whose last layers were never made before. */
const writeRecipe = (round: number): Promise<void> =>
  writeFile(
    path.join(recipe, 'recipe.yaml'),
    JSON.stringify({
      extends: 'base',
      files: [{ path: '/opt/round', content: `${seed} ${round} ${process.pid}` }],
      scripts: [
        { run: 'setsid sleep 65432 >/dev/null 2>&1 &\nhead -c 20M /dev/urandom >/opt/data; sync; rm /opt/data' },
      ],
    }),
  );

/** What a build may leave on this machine. */
async function traces(): Promise<Record<'mounts' | 'formats' | 'processes', string[]>> {
  const own = await readlink('/proc/self/ns/user');
  const processes: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const space = await readlink(`/proc/${pid}/ns/user`).catch(() => own);
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (space !== own) processes.push(`${pid} ${words.replaceAll('\0', ' ')}`);
  }
  const lines = (await readFile('/proc/mounts', 'utf8')).split('\n');
  return {
    // Other tests mount in namespaces of their own, or not at all.
    mounts: lines.filter((line) => /overlay|squashfuse|binfmt_misc|\/mnt|drover\/builds/.test(line)),
    formats: await readdir('/proc/sys/fs/binfmt_misc').catch(() => []),
    processes,
  };
}

/** Begins a build and ends it after some time. Tells whether it was still at work. */
async function interrupt(afterMs: number, signal: NodeJS.Signals): Promise<boolean> {
  const out = path.join(folder, 'out');
  await rm(out, { recursive: true, force: true });
  const args = [cli, 'build', recipe, '--output', out, '--cache-dir', buildCache];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await Promise.race([sleep(afterMs), ended]);
  const atWork = child.exitCode === null;
  child.kill(signal);
  const [code, by] = await ended;
  // Who hands over what was made cannot be held up any more: then all of it is there.
  const handedOver = code === 0 && existsSync(path.join(out, 'info.sh'));
  if (atWork && !handedOver) expect([code, by]).toEqual(signal === 'SIGKILL' ? [null, 'SIGKILL'] : [130, null]);
  return atWork;
}

test(
  'a build that is ended at any moment leaves nothing running or mounted, and the next one clears away its files',
  { timeout: loopTimeout(moments) + 900_000 },
  async () => {
    const before = await traces();
    const random = randomFrom(seed);
    let atWork = 0;
    for (let round = 1; round <= moments; round++) {
      await writeRecipe(round);
      const afterMs = Math.floor(random() * wholeMs);
      const signal = random() < 0.5 ? 'SIGINT' : 'SIGKILL';
      if (await interrupt(afterMs, signal)) atWork += 1;
      const what = `${signal} after ${afterMs} ms, round ${round}, seed ${seed}`;
      await expect.poll(traces, { message: what }).toEqual(before);
    }
    expect(atWork).toBeGreaterThan(0);
    await buildRecipe(recipe, path.join(folder, 'whole'));
    expect(await readdir(path.join(buildCache, 'work'))).toEqual([]);
    console.log(`loop interrupted builds: ${moments} moments, 0 failures; ${atWork} in the middle of one`);
  },
);
