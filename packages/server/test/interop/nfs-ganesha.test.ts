import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CloneMethod } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { openDirectories } from '../../src/adapters/nfs/index.js';
import { unpackTree } from '../../src/adapters/tools/index.js';
import type { NfsExport } from '../../src/app/nfs/ports.js';
import { silentLog } from '../boot/log.js';
import { makeTreeImage, type TreeImage } from './nfs-image.js';
import { addresses, nfsLab, type Ganesha, type NfsLab } from './nfs-lab.js';

// A real nfs-ganesha that Drover starts, asked by libnfs, and by a client of our own that sends what no good client would.

const execute = promisify(execFile);
const tools = createToolRunner();
const never = { signal: new AbortController().signal, progress: () => undefined };

let dir: string;
let image: TreeImage;
let lab: NfsLab;
let ganesha: Ganesha | undefined;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-ganesha-'));
  image = await makeTreeImage(dir);
  lab = await nfsLab();
});
afterEach(async () => {
  await ganesha?.stop();
  ganesha = undefined;
});
afterAll(async () => {
  await lab?.close();
  const { stdout } = await execute('findmnt', ['-rno', 'TARGET']);
  for (const target of stdout.split('\n').filter((each) => each.startsWith(`${dir}/`)))
    await execute('umount', [target]);
  await rm(dir, { recursive: true, force: true });
});

/** Directories of two boards, each with a file that only it may see. */
async function twoBoards(method: CloneMethod): Promise<{ a: NfsExport; b: NfsExport }> {
  const pool = await openDirectories({
    ...{ folder: join(dir, method), method, tools, log: silentLog, blobPath: async () => image.path },
    unpack: (source, folder, options) => unpackTree({ tools, openSource: openFileSource }, source, folder, options),
  });
  const make = async (disk: string, address: string): Promise<NfsExport> => {
    await pool.create({ disk, origin: { kind: 'image', digest: 'cd'.repeat(32), partition: 2 } }, never);
    const place = pool.place(disk);
    if (place === undefined) throw new Error('it is not there');
    await writeFile(join(place.folder, 'secret'), `of ${disk}\n`);
    return { disk, address, readOnly: false, ...place };
  };
  return { a: await make('dsk_A', addresses.a), b: await make('dsk_B', addresses.b) };
}

const begin = async (name: string, options?: { readonly portMapper: boolean }): Promise<Ganesha> => {
  ganesha = await lab.ganesha(join(dir, `ganesha-${name}`), options);
  return ganesha;
};

const url = (disk: string, version: number): string =>
  `nfs://${addresses.server}/drover/${disk}?version=${version}&nfsport=2049&mountport=20048`;

describe.each(['overlay', 'copy'] as const)('directories by %s', (method) => {
  it('are mounted by their own board alone, by both versions, and by nobody who makes up handles', async () => {
    const { a, b } = await twoBoards(method);
    const server = await begin(method);
    expect(server.began).toEqual({ ready: '3,4' });
    expect(await server.apply([a, b])).toBe('applied');
    for (const version of [3, 4]) {
      expect(await lab.run('a', 'nfs-ls', url('dsk_A', version))).toContain('secret');
      expect(await lab.run('b', 'nfs-ls', url('dsk_B', version))).toContain('secret');
      expect(await lab.run('b', 'nfs-ls', url('dsk_A', version))).not.toContain('secret');
      expect(await lab.run('a', 'nfs-ls', url('dsk_B', version))).toMatch(/Failed|refused|denied/i);
    }
    const [ofA, ofB] = [await lab.ask('a', 'mount /drover/dsk_A'), await lab.ask('b', 'mount /drover/dsk_B')];
    expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_A');
    expect(await lab.ask('b', `mount /drover/dsk_A`)).toMatch(/^refused/);
    // Somebody has overheard the other's handle.
    expect(await lab.ask('a', `read ${ofB} secret`)).toMatch(/^refused/);
    expect(await lab.ask('a', `list ${ofB}`)).toMatch(/^refused/);
    expect(await lab.ask('b', `read ${ofB} secret`)).toBe('of dsk_B');
  });
});

describe('nfs-ganesha', () => {
  it.each(['overlay', 'copy'] as const)(
    'is no way out of a directory by %s by a handle that is made up of two',
    async (how) => {
      const { a, b } = await twoBoards(how);
      const server = await begin(`spliced-${how}`);
      await server.apply([a, b]);
      const [ofA, ofB] = [await lab.ask('a', 'mount /drover/dsk_A'), await lab.ask('b', 'mount /drover/dsk_B')];
      const answers = await lab.askSpliced('a', ofA, ofB);
      expect(answers.length).toBeGreaterThan(20);
      expect(answers.filter((answer) => answer === 'of dsk_B')).toEqual([]);
      expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_A');
    },
  );

  it('gives and takes exports while others go on', async () => {
    const { a, b } = await twoBoards('overlay');
    const server = await begin('changes');
    await server.apply([a]);
    const ofA = await lab.ask('a', 'mount /drover/dsk_A');
    for (let turn = 0; turn < 5; turn++) {
      await server.apply([a, b]);
      expect(await lab.run('b', 'nfs-ls', url('dsk_B', 4))).toContain('secret');
      expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_A');
      await server.apply([a]);
      expect(await lab.run('b', 'nfs-ls', url('dsk_B', 4))).not.toContain('secret');
    }
    await server.apply([{ ...a, address: '10.78.0.99' }]);
    expect(await lab.ask('a', `read ${ofA} secret`)).toMatch(/^refused/);
    await lab.readdress('a', '10.78.0.99');
    expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_A');
    await lab.readdress('a', addresses.a);
  });

  it('lets a board only read what it may only read', async () => {
    const { a } = await twoBoards('overlay');
    const server = await begin('read-only');
    const file = join(dir, 'new');
    await writeFile(file, 'new\n');
    const copied = async (name: string) =>
      lab.run(
        'a',
        'nfs-cp',
        file,
        `nfs://${addresses.server}/drover/dsk_A/${name}?version=3&nfsport=2049&mountport=20048`,
      );
    await server.apply([{ ...a, readOnly: true }]);
    await copied('one');
    await expect(readFile(join(a.folder, 'one'), 'utf8')).rejects.toThrow('ENOENT');
    await server.apply([a]);
    await copied('two');
    expect(await readFile(join(a.folder, 'two'), 'utf8')).toBe('new\n');
  });

  it('is started again when it ends, and handles that boards have are as good as before', async () => {
    const { a } = await twoBoards('overlay');
    const server = await begin('killed');
    await server.apply([a]);
    const ofA = await lab.ask('a', 'mount /drover/dsk_A');
    const pid = Number(await readFile(join(dir, 'ganesha-killed', 'ganesha.pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => lab.ask('a', `read ${ofA} secret`), { timeout: 30_000, interval: 500 }).toBe('of dsk_A');
    expect(await server.apply([a])).toBe('applied');
  });

  it.each([true, false])(
    'that a killed server has left behind makes way for the next one, known: %s',
    async (known) => {
      const { a } = await twoBoards('overlay');
      await (await begin('left')).kill();
      const pidFile = join(dir, 'ganesha-left', 'ganesha.pid');
      const left = await readFile(pidFile, 'utf8');
      // As it is of one that had not got so far.
      if (!known) await writeFile(pidFile, '');
      const server = await begin('left');
      expect(server.began).toEqual({ ready: '3,4' });
      expect(await readFile(pidFile, 'utf8')).not.toBe(left);
      await server.apply([a]);
      expect(await lab.run('a', 'nfs-ls', url('dsk_A', 3))).toContain('secret');
    },
  );

  it('speaks version 4 alone where there is no port mapper', async () => {
    const { a } = await twoBoards('overlay');
    const server = await begin('alone', { portMapper: false });
    expect(server.began).toEqual({ ready: '4' });
    await server.apply([a]);
    expect(await lab.run('a', 'nfs-ls', url('dsk_A', 4))).toContain('secret');
  });

  it('says what is in its way', async () => {
    const blocking = join(dir, 'blocking.py');
    const taken = join(dir, 'taken');
    await writeFile(
      blocking,
      `import socket, time
s = socket.socket(socket.AF_INET6); s.bind(("::", 2049)); s.listen(); open("${taken}", "w").close(); time.sleep(60)
`,
    );
    const blocked = lab.run('server', 'timeout', '40', 'python3', blocking);
    await expect.poll(() => existsSync(taken)).toBe(true);
    const server = await begin('blocked');
    expect(server.began.failed).toContain('nfs-ganesha did not start');
    expect(server.began.failed).toContain('nfs.port');
    await lab.run('server', 'pkill', '-f', blocking);
    await blocked;
  });
});
