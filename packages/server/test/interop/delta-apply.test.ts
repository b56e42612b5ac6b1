import { createHash } from 'node:crypto';
import { chown, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeDelta, memorySource, planDelta } from '@drover/disk-image';
import { createBoardShell, type BoardShell, type ShellResult } from './initramfs-shell.js';

const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1);
const nobody = 65_534;

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

/** Bytes that nothing else has. */
const noise = (length: number, name: string): Buffer => {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, n) =>
    createHash('sha256').update(`${name} ${n}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
};

async function makeDelta(old: Buffer, next: Buffer): Promise<Buffer> {
  const source = memorySource(next);
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeDelta(await planDelta(memorySource(old), source), source)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const at = (name: string): string => join(board.run, name);

/** A file that the powerless user of the board's shell may write. */
async function put(name: string, bytes: string | Uint8Array): Promise<void> {
  await writeFile(at(name), bytes);
  if (process.getuid?.() === 0) await chown(at(name), nobody, nobody);
}

const apply = (size: number, names: readonly string[] = ['old', 'delta', 'new']): Promise<ShellResult> =>
  board.exec(join(board.device, 'lib/delta-apply'), [...names.map(at), String(size)]);

/** What it said when it refused. */
const failed = async (run: Promise<ShellResult>): Promise<string> => {
  const { code, stdout, stderr } = await run;
  expect([code, stdout]).toEqual([1, '']);
  return stderr;
};

const old = noise(200_000, 'old');
const next = Buffer.concat([
  old.subarray(100_001, 180_000),
  noise(3001, 'first'),
  old.subarray(0, 90_000),
  noise(7, 'second'),
]);

describe('a board makes the new file from the old one and a delta', () => {
  beforeEach(async () => {
    await put('old', old);
    await put('delta', await makeDelta(old, next));
  });

  test('at once', async () => {
    expect(await apply(next.length)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readFile(at('new'))).equals(next)).toBe(true);
  });

  test.each([0, 1, 79_998, 79_999, 80_000, 82_999, 83_000, 83_001, 173_000, 173_001, 173_004])(
    'and goes on after %i bytes',
    async (done) => {
      await put('new', next.subarray(0, done));
      expect(await apply(next.length)).toEqual({ code: 0, stdout: '', stderr: '' });
      expect((await readFile(at('new'))).equals(next)).toBe(true);
    },
  );

  test('and has nothing to do for one that is whole', async () => {
    await put('new', Buffer.alloc(next.length));
    expect(await apply(next.length)).toMatchObject({ code: 0 });
    expect(await readFile(at('new'))).toEqual(Buffer.alloc(next.length));
  });

  test('and begins anew over what is too long', async () => {
    await put('new', Buffer.alloc(next.length + 1));
    expect(await apply(next.length)).toMatchObject({ code: 0 });
    expect((await readFile(at('new'))).equals(next)).toBe(true);
  });

  test('from files with spaces and quotes in their names', async () => {
    const names = ['an old "one"', "a 'delta'", '-new $(x)'];
    await put(names[0] ?? '', old);
    await put(names[1] ?? '', await readFile(at('delta')));
    expect(await apply(next.length, names)).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(at(names[2] ?? ''))).equals(next)).toBe(true);
  });

  test('and says that the old one was cut short, or is none', async () => {
    await truncate(at('old'), 199_999);
    expect(await failed(apply(next.length))).toContain('for a file of 200000 bytes');
    expect(await failed(apply(next.length, ['absent', 'delta', 'new']))).toContain('no file');
  });

  test('and of no other size than is wanted', async () => {
    expect(await failed(apply(next.length - 1))).toContain('are wanted');
  });
});

const head = 'drover-delta 1\nold 10\nnew 8\ndata 3\n';

test.each<[string, string, string]>([
  ['nothing', '', 'it is empty'],
  ['something else', 'hello\n', 'it is none'],
  ['no sizes', 'drover-delta 1\n', 'ends early'],
  ['a size that is none', 'drover-delta 1\nold x\n', 'does not say old'],
  ['a size that is an expression', 'drover-delta 1\nold 5+5\n', 'does not say old'],
  ['more data than there is', head.replace('data 3', 'data 99'), 'less than 99'],
  ['a copy from beyond the end', `${head}copy 3 8\nend\nabc`, 'beyond the end'],
  ['a copy whose numbers overflow', `${head}copy 999999999999999 999999999999999\nend\nabc`, 'beyond the end'],
  ['a negative offset', `${head}copy -1 5\nend\nabc`, 'beyond the end'],
  ['a variable for a number', `${head}copy old_size 1\nend\nabc`, 'beyond the end'],
  ['a command for a number', `${head}insert $(id)\nend\nabc`, 'it inserts more'],
  ['a leading zero', `${head}copy 0 05\nend\nabc`, 'beyond the end'],
  ['an empty instruction', `${head}copy 0 0\nend\nabc`, 'bad numbers'],
  ['too many words', `${head}copy 0 5 5\nend\nabc`, 'it says: copy'],
  ['an unknown instruction', `${head}run rm\nend\nabc`, 'it says: run rm'],
  ['more than the new file', `${head}copy 0 9\nend\nabc`, 'more than 8'],
  ['less than the new file', `${head}copy 0 4\ninsert 3\nend\nabc`, 'it makes 7 bytes'],
  ['more inserts than data', `${head}insert 4\nend\nabc`, 'inserts more'],
  ['fewer inserts than data', `${head}copy 0 8\nend\nabc`, 'inserts 0'],
  ['no end', `${head}copy 0 5\ninsert 3\n`, 'ends early'],
  ['too many instructions', `${head}${'copy 0 1\n'.repeat(4001)}end\nabc`, 'more than 8'],
  ['text without an end', `${head}${'x'.repeat(300_000)}`, 'ends early'],
])('a board refuses a delta with %s', async (_, delta, reason) => {
  await put('old', '0123456789');
  await put('delta', delta);
  expect(await failed(apply(8))).toContain(reason);
  expect(await readFile(at('old'), 'utf8')).toBe('0123456789');
});

test('a board takes or refuses a changed delta, and never writes more than is wanted', async () => {
  const small = noise(20_000, 'small');
  const wanted = Buffer.concat([small.subarray(9000), noise(30, 'new'), small.subarray(0, 8500)]);
  const delta = await makeDelta(small, wanted);
  const text = delta.indexOf('end\n') + 4;
  const change = fc.record({
    at: fc.nat({ max: text }),
    drop: fc.nat({ max: 3 }),
    put: fc.stringMatching(/^[0-9 a-z\n$*-]{0,3}$/),
  });
  await put('old', small);
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      let changed = delta;
      for (const { at: place, drop, put: bytes } of changes)
        changed = Buffer.concat([changed.subarray(0, place), Buffer.from(bytes), changed.subarray(place + drop)]);
      await put('delta', changed);
      await put('new', '');
      const { code, stderr } = await apply(wanted.length);
      const made = await readFile(at('new'));
      expect(made.length).toBeLessThanOrEqual(wanted.length);
      if (code === 0) expect(made.length).toBe(wanted.length);
      else expect(stderr).toMatch(/^delta-apply: /);
      expect((await readFile(at('old'))).equals(small)).toBe(true);
    }),
    { numRuns: Math.max(20, Math.round(100 * factor)), seed: 20_231_114 },
  );
});
