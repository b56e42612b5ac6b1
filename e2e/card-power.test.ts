import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom } from '../packages/server/test/contract/support/child.js';
import { announceMoments, loopTimeout, seed } from '../packages/server/test/interop/moments.js';
import { openDiskFile, type CardBoot } from '../packages/simulator/src/index.js';
import { cardState } from './card-power/card-state.js';
import { cutCard, type CardCuts, type CardVerdict } from './card-power/cut-card.js';
import { knownSet, type KnownSet } from './card-power/known-set.js';
import { recordCard, type RecordedCard } from './card-power/record-card.js';
import { keptOf } from './power/crash-states.js';
import { openWriteLog } from './power/write-log.js';
import { copyIn, makeCard, makeFirmware, makeSet, place } from './card-power/small-card.js';

const moments = announceMoments('power cuts of a card', 200);
const boots: readonly CardBoot[] = [{ board: '3b' }, { board: '4b' }, { board: '5' }];
const tool = (name: string): string => fileURLToPath(new URL(`../device/lib/${name}`, import.meta.url));

let folder: string;
let applets: string;
let firmware: string;
let known: Record<'flat' | 'a' | 'b', KnownSet>;
const at = (name: string): string => join(folder, name);
const board = (name: string, ...args: string[]): void =>
  void execFileSync('/bin/busybox', ['sh', tool(name), ...args], {
    env: { PATH: applets, TMPDIR: folder, MKE2FS: '/usr/sbin/mke2fs' },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-card-power-'));
  applets = at('applets');
  mkdirSync(applets);
  execFileSync('busybox', ['--install', '-s', applets]);
  firmware = makeFirmware(at('firmware'));
  known = {
    flat: knownSet('flat', makeSet(at('flat'), 'the flat one')),
    a: knownSet('a', makeSet(at('a'), 'drover.boot=a')),
    b: knownSet('b', makeSet(at('b'), 'drover.boot=b')),
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A card of sets that starts a, as a folder. */
function makeSetsFolder(name: string): string {
  mkdirSync(at(`${name}/drover`), { recursive: true });
  writeFileSync(at(`${name}/config.txt`), '[all]\ninclude drover/boot.txt\n');
  writeFileSync(at(`${name}/tryboot.txt`), '[all]\ninclude drover/try.txt\n');
  cpSync(at('a'), at(`${name}/drover/a`), { recursive: true });
  for (const file of ['boot', 'try']) board('pointer', '--make', at(`${name}/drover/${file}.txt`), 'a');
  return at(name);
}

const writeOther = (partition: string): void => {
  execFileSync('mmd', ['-i', partition, '::/drover/b']);
  copyIn(partition, at('b'), undefined, '/drover/b/');
};

/** Records what `change` does to a card, in a folder of its own. */
async function record(name: string, base: string, change: (card: RecordedCard) => void): Promise<string> {
  mkdirSync(at(name));
  const card = await recordCard(at(name), base, place, randomFrom(seed));
  try {
    change(card);
  } finally {
    await card.stop();
  }
  return card.log;
}

/** The sector of a file of one cluster, as mtools tell it. */
const sectorOf = (partition: string, path: string): number => {
  const said = execFileSync('mshowfat', ['-i', partition, `::${path}`]).toString();
  const cluster = Number(/<(\d+)>/.exec(said)?.[1]);
  const head = readFileSync(partition).subarray(0, 512);
  return head.readUInt16LE(14) + (head[16] ?? 0) * head.readUInt32LE(36) + (cluster - 2) * (head[13] ?? 0);
};

/** Points a card that is not mounted at a set. */
const point = (partition: string, file: 'boot' | 'try', set: 'a' | 'b'): void => {
  const sector = sectorOf(partition, `/drover/${file}.txt`);
  board('pointer', '--make', at('pointed'), set);
  const args = [`if=${at('pointed')}`, `of=${partition}`, 'bs=512', `seek=${sector}`, 'conv=notrunc,fsync'];
  execFileSync('dd', [...args, 'status=none']);
};

const cut = (cuts: Omit<CardCuts, 'chance' | 'boots'> & Partial<CardCuts>): Promise<CardVerdict[]> =>
  cutCard({ boots, chance: randomFrom(seed), ...cuts });

const wrongOf = (verdicts: readonly CardVerdict[]): CardVerdict[] =>
  verdicts.filter(({ wrong }) => wrong !== undefined);
const setsOf = (verdicts: readonly CardVerdict[]): string[] =>
  [...new Set(verdicts.map(({ set }) => set ?? 'none'))].sort();

/** The last entries of a log: where a pointer moves. */
const lastWrites = (log: string, count: number): { from: number; to: number } => {
  const to = openWriteLog(log).entries().length;
  return { from: to - count, to };
};

describe('a card that loses its power starts one of its systems, whole', { timeout: loopTimeout(moments) }, () => {
  it('while it is given sets beside its flat system', async () => {
    const base = makeCard(at('flat.img'), [firmware, at('flat')]);
    const mounted = at('mounted');
    cpSync(at('flat'), mounted, { recursive: true });
    board('fat-swap', 'fill', mounted, at('a'));
    const log = await record('to-sets', base, ({ partition, change }) => {
      change((copy) => copyIn(copy, mounted, ['drover', 'tryboot.txt', 'DROVER.NEW']));
      board('fat-swap', 'swap', partition);
    });
    const sets = [known.flat, known.a];
    const random = await cut({ base, log, sets, moments: { random: moments } });
    expect(wrongOf(random).slice(0, 3), `seed ${seed}`).toEqual([]);
    const each = await cut({ base, log, sets, moments: { each: 1 } });
    expect(wrongOf(each).slice(0, 3), `seed ${seed}`).toEqual([]);
    expect(setsOf(each)).toEqual(['a', 'flat']);
    expect(each.at(-1)?.set).toBe('a');
    console.log(`loop power cuts of a card: ${random.length + each.length} boots while it is given sets, 0 failures`);
  });

  it('while its other set is written and it is pointed at that', async () => {
    const base = makeCard(at('sets.img'), [firmware, makeSetsFolder('sets')]);
    const log = await record('update', base, ({ partition, change }) => {
      change(writeOther);
      point(partition, 'try', 'b');
      point(partition, 'boot', 'b');
    });
    const sets = [known.a, known.b];
    const each = await cut({ base, log, sets, moments: { each: 2 } });
    expect(wrongOf(each).slice(0, 3), `seed ${seed}`).toEqual([]);
    expect(setsOf(each)).toEqual(['a', 'b']);
    const moved = await cut({ base, log, sets, moments: { each: 20 }, range: lastWrites(log, 5) });
    expect(wrongOf(moved).slice(0, 3), `seed ${seed}`).toEqual([]);
    const tries = await cut({ base, log, sets, moments: { each: 1 }, boots: [{ board: '4b', tryboot: true }] });
    expect(wrongOf(tries)).toEqual([]);
    expect([tries[0]?.set, tries.at(-1)?.set]).toEqual(['a', 'b']);
    const fsck = { file: at('fsck.img'), offset: place.offset };
    const checked = await cut({ base, log, sets, moments: { random: 4 }, fsck });
    expect(checked.every(({ fsck: code }) => code === 0 || code === 1)).toBe(true);
    console.log(
      `loop power cuts of a card: ${each.length + moved.length + tries.length} boots while a set is changed, 0 failures`,
    );
  });
});

describe('a card that loses its power while the board makes its partition', () => {
  it('has none, or one with a sound file system, and starts what it started', async () => {
    const base = makeCard(at('small.img'), [firmware, at('flat')]);
    truncateSync(base, place.offset + place.size + 32 * 2 ** 20);
    mkdirSync(at('partition'));
    const whole = { offset: 0, size: statSync(base).size };
    const card = await recordCard(at('partition'), base, whole, randomFrom(seed));
    board('card-partition', card.partition, '24');
    await card.stop();
    const each = await cut({ base, log: card.log, sets: [known.flat], moments: { each: 1 }, boots: [{ board: '4b' }] });
    expect(wrongOf(each)).toEqual([]);

    const log = openWriteLog(card.log);
    const disk = openDiskFile(base);
    const found = { none: 0, sound: 0 };
    const [chance, entries] = [randomFrom(seed), log.entries()];
    for (const { given, durable } of each) {
      const state = cardState(disk, keptOf(log, entries, { given, durable }, chance));
      const start = state.read(446 + 16 + 8, 4).readUInt32LE() * 512;
      if (start === 0) found.none += 1;
      else {
        writeFileSync(at('data'), state.read(start, whole.size - start));
        execFileSync('e2fsck', ['-f', '-n', at('data')], { stdio: 'pipe' });
        found.sound += 1;
      }
    }
    disk.close();
    expect(found.none).toBeGreaterThan(0);
    expect(found.sound).toBeGreaterThan(0);
  });
});

describe('cuts find what is not safe', () => {
  it('a pointer that moves before the set is durable', async () => {
    const base = makeCard(at('hasty.img'), [firmware, makeSetsFolder('hasty-sets')]);
    const log = await record('hasty', base, ({ change }) =>
      change((copy) => {
        writeOther(copy);
        point(copy, 'boot', 'b');
      }),
    );
    const verdicts = await cut({ base, log, sets: [known.a, known.b], moments: { each: 2 } });
    expect(wrongOf(verdicts).length).toBeGreaterThan(0);
    expect(verdicts.at(-1)?.set).toBe('b');
  });

  it('a system that is written over the one that runs', async () => {
    const base = makeCard(at('over.img'), [firmware, at('flat')]);
    const log = await record('over', base, ({ change }) => change((copy) => copyIn(copy, at('b'))));
    const verdicts = await cut({
      base,
      log,
      sets: [known.flat, known.b],
      moments: { each: 4 },
      boots: [{ board: '4b' }],
    });
    const said = wrongOf(verdicts).map(({ wrong }) => wrong);
    expect(said.some((each) => each?.startsWith('stops: ') === true)).toBe(true);
    expect(said.some((each) => each?.startsWith('starts a mixture: ') === true)).toBe(true);
    expect(verdicts.at(-1)).toMatchObject({ given: verdicts.at(-1)?.durable, set: 'b' });
  });
});
