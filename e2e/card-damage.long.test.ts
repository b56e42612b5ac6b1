import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { factor } from '../packages/server/test/interop/moments.js';
import type { CardBoard } from './card-sd/card-board.js';
import { startCardLab, type CardLab } from './card-sd/card-lab.js';
import { damaged, damageKept, keptBytes, keptFiles, replaceOnBoot, rewriteRecords, settle } from './card-sd/damage.js';

// One card, damaged in one place after the other while its board is off. Each start ends in a system that is up, and the server is told what
// was wrong. The gate damages several places at once, the soak each by itself as well.

const name = 'worn';
let lab: CardLab;
let board: CardBoard;
let last: string | null = null;

beforeAll(async () => {
  lab = await startCardLab('damage');
  board = await lab.board(name, 'fast:1');
  await start();
  await lab.kept(last);
  await board.off();
});
afterAll(async () => {
  await lab?.boardsOff();
  await lab?.stop();
});

/** One more start of the board; gives what it told. */
async function start(): Promise<string[]> {
  board.on();
  last = (await lab.up(board, name, last)).lastSession;
  return lab.reports(last);
}

/** A fault: how it comes about, what the board must tell of it, and what else is true afterwards. */
interface Fault {
  readonly make: () => Promise<void>;
  readonly tells: readonly RegExp[];
  readonly after?: () => Promise<void>;
}

const rootOf = async (): Promise<string> =>
  (await keptFiles(board.card, '/roots')).find((file) => file.endsWith('.squashfs')) ?? '';

let config: Buffer;
const onCard = {
  'the root it keeps': {
    make: async () => damageKept(board.card, `/roots/${await rootOf()}`),
    tells: [
      /^\w+ info the root \w+ on the card is damaged: its sha256 is \w+\. It is removed\.$/,
      /^download ok .*MB in/,
    ],
  },
  'its boot config': {
    make: async () => {
      config = await keptBytes(board.card, '/config.tar');
      await damageKept(board.card, '/config.tar');
    },
    tells: [/^config ok/],
    after: async () => expect(await keptBytes(board.card, '/config.tar')).toEqual(config),
  },
  'the time it remembers, which is in the future': {
    make: () => rewriteRecords(board.card, (lines) => lines.replace(/^time=.*$/m, 'time=4102444800')),
    tells: [/^signed info the time the server signed is before one this card has seen: .*Set its clock\.$/],
    after: () => rewriteRecords(board.card, (lines) => lines.replace(/^time=.*$/m, 'time=1700000000')),
  },
} satisfies Record<string, Fault>;

let key: Buffer;
const alone: Record<string, Fault> = {
  'the key that answers are signed with': {
    make: () =>
      replaceOnBoot(board.card, 'drover/card.pub', (before) => {
        key = before;
        // The second line is base64: two letters of algorithm, eight bytes of key number, and the key.
        const other = (_: string, front: string, one: string): string => front + (one === 'A' ? 'B' : 'A');
        return Buffer.from(before.toString().replace(/(\n.{40})(.)/, other));
      }),
    tells: [/^signed info the server's answer is not signed with the key on this card .*going on with \w+$/],
    after: () => replaceOnBoot(board.card, 'drover/card.pub', () => key),
  },
  'everything it remembers': {
    make: async () => {
      for (const file of ['/record.0', '/record.1']) await damageKept(board.card, file);
    },
    tells: [/^download ok on the card already$/, /^trial ok \w+ is kept$/],
  },
  'the next root on its way': {
    make: async () => {
      const before = new Set(blobs());
      await lab.image('fast:3', { root: { '/etc/drover-version': 'three\n' } });
      await lab.reimage(name, 'fast:3');
      const roots = blobs().filter(
        (each) => !before.has(each) && readFileSync(each).subarray(0, 4).toString() === 'hsqs',
      );
      expect(roots).toHaveLength(1);
      for (const each of roots) writeFileSync(each, damaged(readFileSync(each)));
    },
    tells: [
      /^download info the bytes are not those promised/,
      /^download info the sha256 is \w+, not \w+, 2 times: going on with \w+$/,
    ],
    after: () => lab.reimage(name, 'fast:1'),
  },
  'the set of boot files that it goes back to': {
    make: async () => {
      await lab.image('fast:4', { config: '# the fourth version\n' });
      await lab.reimage(name, 'fast:4');
      await start();
      await lab.kept(last);
      await board.off();
      expect(board.starts.at(-1)?.choice.osPrefix).toBe('drover/b/');
      await replaceOnBoot(board.card, 'drover/a/kernel8.img', damaged);
      await lab.reimage(name, 'fast:1');
    },
    tells: [/^trial ok \w+ is kept$/],
    after: async () => expect(board.starts.at(-1)?.choice.osPrefix).toBe('drover/a/'),
  },
};

/** Files of the server's store. */
const blobs = (): string[] => {
  const folder = path.join(lab.lab.dir, 'data/blobs');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => path.join(each.parentPath, each.name));
};

async function endure({ make, tells, after }: Fault): Promise<void> {
  await settle(board.card);
  await make();
  const reports = await start();
  if (tells.some((each) => each.source.startsWith('^trial'))) await lab.kept(last);
  await board.off();
  await settle(board.card);
  const told = await lab.reports(last);
  for (const each of tells)
    expect(
      told.filter((line) => each.test(line)),
      `${each.source}\n${reports.join('\n')}`,
    ).not.toEqual([]);
  await after?.();
}

test('damage in several places at once', async () => {
  const faults = Object.values<Fault>(onCard);
  await endure({
    make: async () => {
      for (const fault of faults) await fault.make();
    },
    tells: faults.flatMap(({ tells }) => tells),
    after: async () => {
      for (const { after } of faults) await after?.();
    },
  });
});

const faults: Readonly<Record<string, Fault>> = { ...onCard, ...alone };
const inTurn = factor > 1 ? Object.keys(faults) : ['the key that answers are signed with'];
test.each(inTurn)('damage of %s', async (which) => {
  const fault = faults[which];
  if (fault === undefined) throw new Error(`no fault ${which}`);
  await endure(fault);
});
