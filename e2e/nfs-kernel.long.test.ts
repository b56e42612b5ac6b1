import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CloneMethod } from '@drover/contract';
import { makeTreeImage } from '../packages/server/test/interop/nfs-image.js';
import { addresses, nfsLab, type NfsLab } from '../packages/server/test/interop/nfs-lab.js';
import type { NfsExport } from '../packages/server/src/app/nfs/ports.js';
import { inputs } from './inputs/index.js';
import { startKernelNfsMachine, type KernelNfsMachine } from './nfs-kernel/machine.js';

// The NFS server of a real arm64 kernel, whose exports Drover keeps; asked by libnfs, and by a client of our own that sends what no good client would.

let folder: string;
let lab: NfsLab;
let machine: KernelNfsMachine;
beforeAll(async () => {
  const server = await inputs.nfsServer();
  folder = await mkdtemp(path.join(tmpdir(), 'drv-knfs-'));
  const image = await makeTreeImage(folder);
  lab = await nfsLab({ mountPort: 0, isServerEmulated: true });
  const place = { folder, image: image.path, address: addresses.server, ...(await lab.plug()) };
  machine = await startKernelNfsMachine({ machine: server, ...place });
  expect(await machine.next()).toEqual({ ready: '3,4' });
});
afterAll(async () => {
  await machine?.stop();
  await lab?.close();
  await rm(folder, { recursive: true, force: true });
});

async function created(disk: string, method: CloneMethod, address: string): Promise<NfsExport> {
  const answer = await machine.order({ create: disk, method, address });
  if (!('created' in answer)) throw new Error(JSON.stringify(answer));
  return answer.created;
}

const apply = (...exports: readonly NfsExport[]) => machine.order({ apply: exports });
const applied = { applied: true };
const look = (host: 'a' | 'b', place: string, version: number): Promise<string> =>
  lab.run(host, 'nfs-ls', `nfs://${addresses.server}${place}?version=${version}`);
const exported = (): Promise<string> => machine.shell('exportfs -s');

test.each(['overlay', 'copy'] as const)(
  'directories by %s are mounted by their own board alone, by both versions, and by nobody who makes up handles',
  async (method) => {
    const [a, b] = [
      await created(`dsk_A${method}`, method, addresses.a),
      await created(`dsk_B${method}`, method, addresses.b),
    ];
    expect(await apply(a, b)).toEqual(applied);
    for (const version of [3, 4]) {
      expect(await look('a', a.folder, version)).toContain('secret');
      expect(await look('b', b.folder, version)).toContain('secret');
      expect(await look('b', a.folder, version)).not.toContain('secret');
      expect(await look('a', b.folder, version)).not.toContain('secret');
    }
    const [ofA, ofB] = [await lab.ask('a', `mount ${a.folder}`), await lab.ask('b', `mount ${b.folder}`)];
    expect(await lab.ask('a', `read ${ofA} secret`)).toBe(`of ${a.disk}`);
    expect(await lab.ask('b', `mount ${a.folder}`)).toMatch(/^refused/);
    // Somebody has overheard the other's handle, or puts one together of two.
    expect(await lab.ask('a', `read ${ofB} secret`)).toMatch(/^refused/);
    const answers = await lab.askSpliced('a', ofA, ofB);
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.filter((answer) => answer === `of ${b.disk}`)).toEqual([]);
    expect(await lab.ask('b', `read ${ofB} secret`)).toBe(`of ${b.disk}`);
  },
);

test('exports come and go while others go on, follow an address, and are read-only where they are to be', async () => {
  const [a, b] = [await created('dsk_C', 'overlay', addresses.a), await created('dsk_D', 'overlay', addresses.b)];
  await apply(a);
  const ofA = await lab.ask('a', `mount ${a.folder}`);
  for (let turn = 0; turn < 3; turn++) {
    await apply(a, b);
    expect(await look('b', b.folder, 4)).toContain('secret');
    expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_C');
    await apply(a);
    expect(await look('b', b.folder, 4)).not.toContain('secret');
  }
  await apply({ ...a, address: '10.78.0.99' });
  expect(await lab.ask('a', `read ${ofA} secret`)).toMatch(/^refused/);
  await lab.readdress('a', '10.78.0.99');
  expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_C');
  await lab.readdress('a', addresses.a);

  const url = (name: string): string => `nfs://${addresses.server}${a.folder}/${name}?version=3`;
  const copied = (name: string): Promise<string> => lab.run('a', 'nfs-cp', '/etc/hostname', url(name));
  await apply({ ...a, readOnly: true });
  await copied('one');
  await apply(a);
  await copied('two');
  expect(await machine.shell(`ls ${a.folder}`)).toMatch(/\btwo\b/);
  expect(await machine.shell(`ls ${a.folder}`)).not.toMatch(/\bone\b/);
});

test('a keeper that was killed finds what it exported, and ends what is no more', async () => {
  const [a, b] = [await created('dsk_E', 'overlay', addresses.a), await created('dsk_F', 'overlay', addresses.b)];
  await apply(a, b);
  const [ofA, ofB] = [await lab.ask('a', `mount ${a.folder}`), await lab.ask('b', `mount ${b.folder}`)];
  expect(await machine.order({ die: true })).toEqual({ ready: '3,4' });
  // Boards go on meanwhile.
  expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_E');
  expect(await apply(a)).toEqual(applied);
  expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_E');
  expect(await lab.ask('b', `read ${ofB} secret`)).toMatch(/^refused/);
});

test('what the administrator exports stays as it is, and reading the tables again takes nothing from boards', async () => {
  const before = await machine.shell('cat /etc/exports');
  const a = await created('dsk_G', 'overlay', addresses.a);
  expect(await apply(a)).toEqual(applied);
  const ofA = await lab.ask('a', `mount ${a.folder}`);
  expect(await look('b', '/srv/admin', 3)).toContain('secret');
  await machine.shell('exportfs -ra');
  expect(await exported()).toContain('/srv/admin');
  expect(await exported()).toContain(a.folder);
  expect(await lab.ask('a', `read ${ofA} secret`)).toBe('of dsk_G');
  expect(await apply()).toEqual(applied);
  expect(await exported()).not.toContain('dsk_');
  expect(await machine.shell('exportfs -ra; exportfs -s')).not.toContain('dsk_');
  expect(await look('b', '/srv/admin', 4)).toContain('secret');
  expect(await machine.shell('cat /etc/exports')).toBe(before);
  expect(await machine.shell('ls /etc/exports.d')).toBe('drover.exports');
});

test('it is said when the kernel serves no NFS', async () => {
  await machine.shell('rpc.nfsd 0; umount /proc/fs/nfsd');
  const answer = await machine.order({ die: true });
  expect(JSON.stringify(answer)).toContain('nfs.driver');
});
