import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadUploaded } from '../../src/adapters/builder/recipes.js';
import { unpackRecipes } from '../../src/adapters/builder/unpack.js';

// What somebody uploads as a recipe, with tars that tar(1) itself would not make.

const limit = 1024 * 1024;
const { signal } = new AbortController();
let folder: string;
let tar: string;
let scratch: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-recipe-upload-'));
  tar = join(folder, 'recipe.tar');
  scratch = join(folder, 'inside/scratch');
  await mkdir(join(folder, 'inside'));
  await writeFile(join(folder, 'secret'), 'of the server\n');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Member {
  readonly name: string;
  /** POSIX pax(1), ustar interchange format: 0 file, 1 hard link, 2 symbolic link, 3 character device, 5 folder, 6 FIFO. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string;
  /** Bytes that the header tells, where those are not those of the content. */
  readonly size?: number;
}

function header({ name, type = '0', link = '', content = '', size = content.length }: Member): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0, 100);
  block.write(octal(0o755, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(1000, 12), 100);
  block.write(`        ${type}`, 148);
  block.write(link, 157, 100);
  block.write('ustar\x0000', 257);
  block.write(octal(1, 8) + octal(3, 8), 329);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const tarOf = (members: readonly Member[]): Buffer =>
  Buffer.concat([
    ...members.flatMap((member) => {
      const content = Buffer.from(member.content ?? '');
      return [header(member), content, Buffer.alloc(-content.length & 511)];
    }),
    Buffer.alloc(1024),
  ]);

const recipe: Member = { name: 'sign/recipe.yaml', content: 'base: { suite: bookworm }\n' };

async function refusedWith(work: Promise<unknown>): Promise<string> {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof RefusedError)) return expect.fail(`not refused: ${String(fault)}`);
  expect(fault.refusal.remedy).toBeDefined();
  return `${fault.refusal.code}: ${fault.refusal.detail}`;
}

const unpack = async (bytes: Buffer): Promise<void> => {
  await writeFile(tar, bytes);
  await unpackRecipes(createToolRunner(), tar, scratch, { limit, signal });
};

/** Nothing of the server but the folder of the recipe may have changed. */
async function expectUntouched(): Promise<void> {
  expect((await readdir(folder)).sort()).toEqual(['inside', 'recipe.tar', 'secret']);
  expect(await readdir(join(folder, 'inside'))).toEqual(['scratch']);
  expect(await readFile(join(folder, 'secret'), 'utf8')).toBe('of the server\n');
}

it('a plain tar is unpacked, and its recipe read', async () => {
  await unpack(tarOf([recipe, { name: 'sign/files/motd', content: 'hello\n' }]));
  expect(await loadUploaded('sign', scratch)).toMatchObject({ name: 'sign', base: { suite: 'bookworm' } });
  expect(await readFile(join(scratch, 'sign/files/motd'), 'utf8')).toBe('hello\n');
});

describe('a hostile tar is refused, or does no harm:', () => {
  it.each<[string, Member[]]>([
    ['a name that climbs', [{ name: '../../stolen', content: 'x' }]],
    ['a name that climbs later', [{ name: 'sign/../../../stolen', content: 'x' }]],
    ['a link out', [{ name: 'sign/out', type: '2', link: '../../..' }]],
    ['a link to what others may not read', [{ name: 'sign/shadow', type: '2', link: '/etc/shadow' }]],
    [
      'a file behind a link that the same tar made',
      [
        { name: 'sign/out', type: '2', link: '../../..' },
        { name: 'sign/out/stolen', content: 'x' },
      ],
    ],
    [
      'a link in the place of its own folder',
      [
        { name: 'sign', type: '2', link: '../..' },
        { name: 'sign/stolen', content: 'x' },
      ],
    ],
    ['a hard link out', [{ name: 'sign/hard', type: '1', link: '../../secret' }]],
    ['a hard link to the root', [{ name: 'sign/hard', type: '1', link: '/etc/shadow' }]],
    [
      'a hard link through a link',
      [
        { name: 'sign/out', type: '2', link: '../../..' },
        { name: 'sign/hard', type: '1', link: 'sign/out/secret' },
      ],
    ],
    ['a device', [{ name: 'sign/null', type: '3' }]],
    ['a FIFO, at which a reader would wait', [{ name: 'sign/recipe.yaml', type: '6' }]],
  ])('%s', async (_what, members) => {
    await writeFile(tar, '');
    expect(await refusedWith(unpack(tarOf([recipe, ...members])))).toMatch(/^recipe\.invalid: /);
    await expectUntouched();
  });

  it.each<[string, Buffer]>([
    ['one that ends in the middle of a file', tarOf([{ ...recipe, size: 100_000 }]).subarray(0, 700)],
    ['a compressed one, whose size would be anything', gzipSync(tarOf([recipe]))],
    ['no tar', Buffer.from('PK\x03\x04 an archive of another kind')],
    ['a header whose sum is wrong', Buffer.concat([header(recipe).fill(0xff, 0, 50), Buffer.alloc(1024)])],
  ])('%s', async (_what, bytes) => {
    expect(await refusedWith(unpack(bytes))).toMatch(/^recipe\.invalid: /);
    await expectUntouched();
  });

  it('an absolute name stays below the folder', async () => {
    await unpack(tarOf([recipe, { name: '/stolen-by-drover-test', content: 'x' }]));
    await expectUntouched();
    expect((await readdir(scratch)).sort()).toEqual(['sign', 'stolen-by-drover-test']);
    expect(await readdir('/')).not.toContain('stolen-by-drover-test');
  });

  it('more bytes than are allowed', async () => {
    const large = { name: 'sign/large', content: 'x'.repeat(limit) };
    expect(await refusedWith(unpack(tarOf([recipe, large])))).toMatch(/more than 1048576 bytes/);
  });
});

describe('an uploaded recipe sees what came with it, and nothing else of the server:', () => {
  const load = async (text: string, more: readonly Member[] = []): Promise<string> => {
    await unpack(tarOf([{ ...recipe, content: text }, ...more]));
    return refusedWith(loadUploaded('sign', scratch));
  };

  it('a recipe elsewhere is not extended, and the answer is the same whether it is there', async () => {
    await mkdir(join(folder, 'inside/other'));
    await writeFile(join(folder, 'inside/other/recipe.yaml'), 'base: { suite: bookworm }\n');
    const there = await load('extends: ../../other\n');
    await rm(scratch, { recursive: true });
    expect(there).not.toContain(folder);
    expect(there.replaceAll('other', 'none')).toBe(await load('extends: ../../none\n'));
  });

  it.each([
    ['files: [{ path: /etc/motd, source: ../../../secret }]', /source/],
    ['scripts: [{ file: /etc/shadow }]', /file/],
    ['base: { suite: bookworm, mirror: "file:///srv/mirror" }', /file:\/\/\/srv\/mirror/],
  ])('%s', async (line, field) => {
    const base = line.startsWith('base') ? '' : 'base: { suite: bookworm }\n';
    expect(await load(`${base}${line}\n`)).toMatch(field);
  });

  it('a path to a recipe outside is not read', async () => {
    await unpack(tarOf([recipe]));
    for (const path of ['../..', '/etc', '../../secret', 'none'])
      expect(await refusedWith(loadUploaded(path, scratch))).toMatch(/^recipe\./);
  });

  it('what it is told names no folder of the server', async () => {
    expect(await load('base: { suite: bookworm }\npackages: [UPPER]\n')).not.toContain(folder);
  });
});
