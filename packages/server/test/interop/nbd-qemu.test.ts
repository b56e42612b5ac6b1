import { randomFillSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryDisk, type MemoryDiskOptions } from '../nbd/memory-disk.js';
import { inFolder, run, runWell, startNbd, type NbdLab } from './nbd-lab.js';

const labs: NbdLab[] = [];
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

async function serve(options: MemoryDiskOptions = {}) {
  const disk = createMemoryDisk({ size: 16 << 20, ...options });
  const lab = await startNbd({ disk });
  labs.push(lab);
  return { disk, lab, uri: lab.uri('disk') };
}

describe('qemu-img', () => {
  it('is told the size', async () => {
    const { uri } = await serve();
    const info = JSON.parse(await runWell('qemu-img', 'info', '--output=json', uri)) as Record<string, unknown>;
    expect(info).toMatchObject({ format: 'raw', 'virtual-size': 16 << 20 });
  });

  it.each(['at-once', 'later'] as const)(
    'converts to the export and back, and finds no difference: %s',
    async (answers) => {
      await inFolder(async (folder) => {
        const { disk, uri } = await serve({ answers, holes: true });
        const image = Buffer.alloc(16 << 20);
        for (let at = 0; at < image.length; at += 3 << 20) randomFillSync(image, at, 700_001);
        const [raw, qcow2] = [join(folder, 'image.raw'), join(folder, 'image.qcow2')];
        await writeFile(raw, image);
        await runWell('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', raw, uri);
        expect(disk.bytes.equals(image)).toBe(true);
        expect(await runWell('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', raw, uri)).toMatch(/identical/);
        await runWell('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, qcow2);
        expect(await runWell('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', qcow2, raw)).toMatch(/identical/);
        await disk.write(5_000_000, Buffer.of(disk.bytes[5_000_000]! ^ 1), false);
        const differs = await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', raw, uri);
        expect([differs.code, differs.stdout]).toEqual([1, expect.stringContaining('mismatch at offset 4999680')]);
      });
    },
  );

  it('maps what is allocated', async () => {
    const { disk, uri } = await serve();
    await disk.write(1 << 20, Buffer.alloc(65_536, 1), false);
    const map = JSON.parse(await runWell('qemu-img', 'map', '--output=json', uri)) as Record<string, unknown>[];
    expect(map.map(({ start, length, zero }) => [start, length, zero])).toEqual([
      [0, 1 << 20, true],
      [1 << 20, 65_536, false],
      [(1 << 20) + 65_536, (15 << 20) - 65_536, true],
    ]);
  });

  it('lets a qcow2 file have the export behind it', async () => {
    await inFolder(async (folder) => {
      const { disk, uri } = await serve({ readOnly: true });
      await disk.write(1234, Buffer.from('from behind'), false);
      const overlay = join(folder, 'overlay.qcow2');
      await runWell('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', uri, '-F', 'raw', overlay);
      await runWell('qemu-io', '-f', 'qcow2', '-c', 'write -P 0x61 65536 4096', overlay);
      const flat = join(folder, 'flat.raw');
      await runWell('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', overlay, flat);
      const bytes = await readFile(flat);
      expect(bytes.toString('latin1', 1234, 1245)).toBe('from behind');
      expect(bytes.subarray(65_536, 69_632).every((byte) => byte === 0x61)).toBe(true);
    });
  });
});

describe('qemu-io', () => {
  const io = (uri: string, ...commands: string[]) =>
    run('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri);

  it('reads patterns it wrote, wherever they begin and end', async () => {
    const { disk, uri } = await serve({ answers: 'later' });
    const { code, stdout } = await io(
      uri,
      'write -P 1 0 512',
      'write -P 2 1000 3000',
      'write -f -P 3 1M 2M',
      'write -z 1M 64k',
      'write -z -u 1100k 64k',
      'discard 2M 512k',
      'flush',
      'read -P 1 0 512',
      'read -P 2 1000 3000',
      'read -P 0 1M 64k',
      'read -P 3 2900k 100k',
      'writev -P 4 8M 512 1024 8192',
      'read -P 4 8M 9728',
      'aio_write -P 5 9M 64k',
      'aio_write -P 6 10M 64k',
      'aio_flush',
      'read -P 5 9M 64k',
      'read -P 6 10M 64k',
    );
    expect(code, stdout).toBe(0);
    expect(stdout).not.toMatch(/failed|verification/i);
    const kinds = new Set(disk.log.map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['read', 'write', 'flush', 'trim', 'writeZeroes']));
    expect(disk.log.some(({ fua, kind }) => kind === 'write' && fua)).toBe(true);
    expect(disk.log.some(({ noHole, kind }) => kind === 'writeZeroes' && noHole)).toBe(true);
    expect(disk.log.some(({ noHole, kind }) => kind === 'writeZeroes' && noHole === false)).toBe(true);
  });

  it('is told of a disk that is full, and of one that is read-only', async () => {
    const fail = ({ kind }: { kind: string }) =>
      kind === 'write' ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : undefined;
    const full = await serve({ fail });
    expect((await io(full.uri, 'write 0 512')).stdout).toContain('No space left on device');
    const readOnly = await serve({ readOnly: true });
    expect((await io(readOnly.uri, 'write 0 512')).code).not.toBe(0);
    expect((await run('qemu-io', '-r', '-f', 'raw', '-c', 'read -P 0 0 512', readOnly.uri)).code).toBe(0);
  });

  it('keeps to block sizes it is told', async () => {
    const { disk, uri } = await serve({ blockSize: { minimum: 4096, preferred: 65_536, maximum: 1 << 20 } });
    const { code, stdout } = await io(
      uri,
      'write -P 7 100 5000',
      'write -P 8 1M 4M',
      'read -P 7 100 5000',
      'read -P 8 1M 4M',
    );
    expect(code, stdout).toBe(0);
    const outside = disk.log.filter(
      ({ offset, length }) => offset % 4096 !== 0 || length % 4096 !== 0 || length > 1 << 20,
    );
    expect(outside).toEqual([]);
  });
});
