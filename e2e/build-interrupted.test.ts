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

/** What a build may leave on this machine, besides processes. */
async function traces(): Promise<Record<'mounts' | 'formats', string[]>> {
  const lines = (await readFile('/proc/mounts', 'utf8')).split('\n');
  return {
    // Other tests mount in namespaces of their own, or not at all.
    mounts: lines.filter((line) => /overlay|squashfuse|binfmt_misc|\/mnt|drover\/builds/.test(line)),
    formats: await readdir('/proc/sys/fs/binfmt_misc').catch(() => []),
  };
}

/** Folders of builds that run no more. Their names begin with the number of the process. */
const foldersOfTheDead = async (): Promise<string[]> =>
  (await readdir(path.join(buildCache, 'work'))).filter((name) => !existsSync(`/proc/${name.split('-')[0]}`));

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Its user namespace. */
  readonly space: string;
}

async function processes(): Promise<Process[]> {
  const found: Process[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    const space = await readlink(`/proc/${pid}/ns/user`).catch(() => undefined);
    const parent = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (space !== undefined) found.push({ pid: Number(pid), parent, space });
  }
  return found;
}

/** User namespaces that a process and those it has started have made. Others build here too. */
async function spacesBelow(root: number): Promise<Set<string>> {
  const all = await processes();
  const own = await readlink('/proc/self/ns/user');
  const below = new Set([root]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
  }
  return new Set(all.flatMap(({ pid, space }) => (below.has(pid) && space !== own ? [space] : [])));
}

/** Begins a build and ends it after some time. Tells whether it was still at work, and which namespaces it had then. */
async function interrupt(afterMs: number, signal: NodeJS.Signals): Promise<{ atWork: boolean; spaces: Set<string> }> {
  const out = path.join(folder, 'out');
  await rm(out, { recursive: true, force: true });
  const args = [cli, 'build', recipe, '--output', out, '--cache-dir', buildCache];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await Promise.race([sleep(afterMs), ended]);
  const spaces = await spacesBelow(child.pid ?? 0);
  const atWork = child.exitCode === null;
  child.kill(signal);
  const [code, by] = await ended;
  // Who hands over what was made cannot be held up any more: then all of it is there.
  const handedOver = code === 0 && existsSync(path.join(out, 'info.sh'));
  if (atWork && !handedOver) expect([code, by]).toEqual(signal === 'SIGKILL' ? [null, 'SIGKILL'] : [130, null]);
  return { atWork, spaces };
}

test(
  'a build that is ended at any moment leaves nothing running or mounted, and the next one clears away its files',
  { timeout: loopTimeout(moments) + 900_000 },
  async () => {
    const before = await traces();
    const random = randomFrom(seed);
    let atWork = 0;
    let sandboxes = 0;
    for (let round = 1; round <= moments; round++) {
      await writeRecipe(round);
      const afterMs = Math.floor(random() * wholeMs);
      const signal = random() < 0.5 ? 'SIGINT' : 'SIGKILL';
      const ended = await interrupt(afterMs, signal);
      if (ended.atWork) atWork += 1;
      sandboxes += ended.spaces.size;
      const what = `${signal} after ${afterMs} ms, round ${round}, seed ${seed}`;
      const left = async (): Promise<Process[]> => (await processes()).filter(({ space }) => ended.spaces.has(space));
      await expect.poll(left, { message: what }).toEqual([]);
      await expect.poll(traces, { message: what }).toEqual(before);
    }
    expect(atWork).toBeGreaterThan(0);
    expect(sandboxes).toBeGreaterThan(0);
    await buildRecipe(recipe, path.join(folder, 'whole'));
    expect(await foldersOfTheDead()).toEqual([]);
    console.log(`loop interrupted builds: ${moments} moments, 0 failures; ${atWork} in the middle of one`);
  },
);
