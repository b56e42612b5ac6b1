import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mib } from '../disks/disk-house.js';
import { diskFolder } from './disk-lab.js';
import { startServer } from './disk-server.js';
import { run, runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, sound } from './qemu-check.js';

const size = 32 * mib;

it('a disk on a file system that is full says so to its client, loses nothing, and goes on when it is trimmed', async () => {
  const folder = await diskFolder(mib);
  // The base takes 21 MiB of it.
  const server = await startServer({ folder, baseSize: size }, 36 * mib);
  const io = (...commands: string[]) =>
    run('qemu-io', '-f', 'raw', ...commands.flatMap((each) => ['-c', each]), server.uri);
  const filled = await io(...Array.from({ length: 32 }, (_, each) => `write -P 9 ${each}M 1M`));
  expect(filled.stdout).toContain('No space left on device');
  const written = [...filled.stdout.matchAll(/^wrote \d+\/\d+ bytes at offset (\d+)/gm)].map(
    ([, at]) => Number(at) / mib,
  );
  expect(written.length).toBeGreaterThan(3);
  const kept = await io(...written.map((each) => `read -P 9 ${each}M 1M`));
  expect(kept.stdout).not.toMatch(/failed|verification/i);

  const trimmed = await io(
    `discard ${written[0]!}M 2M`,
    'flush',
    `read -P 0 ${written[0]!}M 2M`,
    'write -P 8 31M 1M',
    'flush',
  );
  expect(trimmed.stdout).not.toMatch(/failed|verification|No space/i);
  const overlay = `/proc/${server.process.pid}/root${folder}/disk.qcow2`;
  const report = await qemuCheck(overlay);
  expect({ ...report, code: 0, leaks: 0 }).toEqual(sound);

  // Everything is as the client was told, for QEMU as well.
  const content = join(folder, 'content.raw');
  await runWell('nbdcopy', server.uri, content);
  expect(await qemuCompare(overlay, content)).toBe('Images are identical.');
  const here = await io(
    'read -P 8 31M 1M',
    ...written
      .slice(2)
      .filter((each) => each !== 31)
      .map((each) => `read -P 9 ${each}M 1M`),
  );
  expect(here.stdout).not.toMatch(/failed|verification/i);
  server.process.kill('SIGTERM');
  await server.exited;
});
