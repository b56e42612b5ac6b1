import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryDisk } from '../nbd/memory-disk.js';
import { inFolder, run, startNbd, type NbdLab } from './nbd-lab.js';

const labs: NbdLab[] = [];
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

interface Job {
  readonly error: number;
  readonly read: { readonly io_bytes: number; readonly total_ios: number };
  readonly write: { readonly io_bytes: number };
}

/** fio with its nbd engine: writes, and reads back what it wrote with a checksum in each block. */
async function fio(uri: string, ...options: string[]): Promise<{ job: Job; said: string }> {
  return inFolder(async (folder) => {
    const common = ['--name=disk', '--ioengine=nbd', `--uri=${uri}`, '--output-format=json', `--aux-path=${folder}`];
    const { stdout, stderr } = await run('fio', ...common, '--thread', '--group_reporting', ...options);
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: Job[] };
    return { job: report.jobs[0]!, said: stderr };
  });
}

const verified = ['--verify=crc32c', '--verify_fatal=1', '--do_verify=1', '--randrepeat=0'];

describe.each(['at-once', 'later'] as const)('a disk that answers %s', (answers) => {
  it.each([
    ['random writes of 4 KiB, one at a time', '--rw=randwrite', '--bs=4k', '--iodepth=1', '--size=2m'],
    ['random writes of 4 KiB, 64 at a time', '--rw=randwrite', '--bs=4k', '--iodepth=64', '--size=16m'],
    [
      'sizes of all kinds, with flushes',
      '--rw=randwrite',
      '--bsrange=512-256k',
      '--iodepth=16',
      '--size=16m',
      '--fsync=8',
    ],
    ['a megabyte after the other', '--rw=write', '--bs=1m', '--iodepth=4', '--size=32m'],
    ['writes among reads and trims', '--rw=randtrimwrite', '--bs=4k', '--iodepth=8', '--size=4m'],
  ])('passes verification: %s', async (_what, ...options) => {
    const disk = createMemoryDisk({ size: 32 << 20, answers });
    const lab = await startNbd({ disk });
    labs.push(lab);
    const { job, said } = await fio(lab.uri('disk'), ...verified, ...options);
    expect(job.error, said).toBe(0);
    expect(job.write.io_bytes).toBeGreaterThan(0);
    expect(disk.log.some(({ kind }) => kind === 'read')).toBe(true);
  });

  it('passes verification over eight connections', async () => {
    const disk = createMemoryDisk({ size: 32 << 20, answers });
    const lab = await startNbd({ disk });
    labs.push(lab);
    const jobs = ['--numjobs=8', '--size=2m', '--offset_increment=4m', '--bs=4k', '--iodepth=8', '--rw=randwrite'];
    const { job, said } = await fio(lab.uri('disk'), ...verified, ...jobs);
    expect(job.error, said).toBe(0);
    expect(lab.opened.length).toBeGreaterThanOrEqual(8);
  });
});

it('notices a disk that lies: the verification above can fail', async () => {
  const disk = createMemoryDisk({ size: 4 << 20 });
  const honest = disk.write.bind(disk);
  let writes = 0;
  disk.write = (offset, bytes, fua) => ((writes += 1) === 100 ? undefined : honest(offset, bytes, fua));
  const lab = await startNbd({ disk });
  labs.push(lab);
  const { job } = await fio(lab.uri('disk'), ...verified, '--rw=randwrite', '--bs=4k', '--size=2m');
  expect(job.error).not.toBe(0);
});
