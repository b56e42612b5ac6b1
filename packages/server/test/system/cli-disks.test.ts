import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Disk, DiskBackup, Tenant } from '@drover/contract';
import { startServer, until, type Finished, type TestServer } from './server.js';

const MiB = 1 << 20;
let server: TestServer;
let original: string;
beforeAll(async () => {
  server = await startServer();
  original = join(server.folder, 'original.img');
  const file = await open(original, 'w');
  for (const at of [0, 30, 70, 110]) await file.write(randomBytes(12 * MiB), 0, 12 * MiB, at * MiB);
  await file.truncate(128 * MiB);
  await file.close();
});
afterAll(async () => {
  await server.stop();
});

const qemuImg = (...args: string[]): string => execFileSync('qemu-img', args).toString();
const fine = (finished: Finished): string => {
  expect([finished.code, finished.stderr]).toEqual([0, expect.anything()]);
  return finished.stdout;
};
const inFolder = (name: string): string => join(server.folder, name);
const leftovers = async (): Promise<string[]> => [
  ...readdirSync(join(server.dataDir, 'disks/backups')),
  ...(await readdir(join(server.dataDir, 'uploads'))),
];
/** Resolves when the copying of a backup has begun. */
const copying = (): Promise<void> =>
  until('a backup is being copied', () => readdirSync(join(server.dataDir, 'disks/backups')).length > 0);

describe('a disk of a file of ours', () => {
  it('is made, and is in a backup what it was, though both planes are killed meanwhile', async () => {
    fine(await server.cli('disk', 'restore', original, '--name', 'first'));
    const copy = inFolder('copy.qcow2');
    const backup = server.cli('disk', 'backup', 'first', '-o', copy);
    await copying();
    await server.kill('boot', 'SIGKILL');
    await copying();
    await server.kill('control', 'SIGKILL');
    fine(await backup);
    qemuImg('check', '-q', copy);
    expect(qemuImg('compare', copy, original)).toContain('identical');
    expect(statSync(copy).size).toBeLessThan(56 * MiB);
    expect(JSON.parse(fine(await server.cli('disk', 'backups', '--json')))).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  it('comes back from a backup on the server, as large as one likes', async () => {
    const made = JSON.parse(
      fine(await server.cli('disk', 'backup', 'first', '--format', 'raw', '--json')),
    ) as DiskBackup;
    expect(made).toMatchObject({ state: 'ready', diskName: 'first', format: 'raw', bytes: 128 * MiB });
    fine(await server.cli('disk', 'delete', 'first'));
    const restore = server.cli('disk', 'restore', made.id, '--name', 'second', '--size', '1G', '--json');
    await until('the disk is being made', () =>
      readdirSync(join(server.dataDir, 'disks/overlays')).some((name) => name.endsWith('.new')),
    );
    await server.kill('boot', 'SIGKILL');
    expect(JSON.parse(fine(await restore)) as Disk).toMatchObject({ state: 'ready', size: 1024 * MiB });
    const [fetched, second] = [inFolder('fetched.img'), inFolder('second.qcow2')];
    fine(await server.cli('disk', 'fetch-backup', made.id, '-o', fetched));
    expect(qemuImg('compare', '-f', 'raw', '-F', 'raw', fetched, original)).toContain('identical');
    fine(await server.cli('disk', 'backup', 'second', '-o', second, '--keep'));
    expect(qemuImg('compare', second, original)).toContain('identical');
    const listed = fine(await server.cli('disk', 'backups', 'second'));
    expect(listed).toContain('second');
    expect(listed).not.toContain(made.id);
    fine(await server.cli('disk', 'delete-backup', made.id));
    expect((await server.cli('disk', 'fetch-backup', made.id)).code).toBe(3);
    expect(await leftovers()).toEqual([]);
  });

  it('is in no backup that its tenant has no room for', async () => {
    const allow = async (size: string): Promise<Tenant> =>
      JSON.parse(fine(await server.cli('tenant', 'quota', 'default', '--backup-bytes', size, '--json'))) as Tenant;
    // The one that was kept has some 48 MiB.
    expect((await allow('60M')).quota).toEqual({ disks: null, diskBytes: null, backupBytes: 60 * MiB });
    const tooLarge = await server.cli('disk', 'backup', 'second');
    expect([tooLarge.code, tooLarge.stderr]).toEqual([4, expect.stringMatching(/bytes, and \d+ more are wanted/)]);
    await allow('1M');
    const full = await server.cli('disk', 'backup', 'second');
    expect([full.code, full.stderr]).toEqual([4, expect.stringContaining('drover tenant quota')]);
    expect(await leftovers()).toEqual([]);
    expect((await allow('none')).quota.backupBytes).toBeNull();
    fine(await server.cli('disk', 'backup', 'second', '-o', inFolder('third.qcow2')));
  });

  it('is not written over a file, nor made of what is no disk', async () => {
    const again = await server.cli('disk', 'backup', 'second', '-o', original);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('There is a file')]);
    const packed = inFolder('packed.img.gz');
    execFileSync('sh', ['-c', `head -c 100000 ${original} | gzip >${packed}`]);
    const refused = await server.cli('disk', 'restore', packed);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('Unpack it first.');
  });
});
