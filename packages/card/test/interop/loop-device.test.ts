import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openImageFile, writeCard, type DevicePlan, type Given, type MadeCard } from '../../src/index.js';
import { bootFile, makeCardImage } from '../support/card-image.js';
import { attachLoop } from '../support/loop.js';

const MiB = 1024 * 1024;
let folder: string;
let loop: ReturnType<typeof attachLoop>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-loop-'));
  makeCardImage(join(folder, 'mbr.img'));
  makeCardImage(join(folder, 'gpt.img'), { label: 'gpt' });
  loop = attachLoop(join(folder, 'card'), 160 * MiB);
});
afterAll(() => {
  loop.detach();
  rmSync(folder, { recursive: true, force: true });
});

const none: Given = { settings: {}, wifi: undefined };
interface Written {
  readonly made: MadeCard;
  readonly plans: DevicePlan[];
}
const write = async (
  name: string,
  given: Given,
  more: Partial<Parameters<typeof writeCard>[0]> = {},
): Promise<Written> => {
  const plans: DevicePlan[] = [];
  const made = await writeCard({
    ...{ image: await openImageFile(join(folder, name)), given, device: loop.device, forget: false, grow: true },
    ...{ limits: { maxSize: 1024 * MiB, allowFixed: true }, signal: new AbortController().signal },
    ...{ onProgress: () => undefined, onBegin: () => undefined },
    confirm: async (plan) => void plans.push(plan),
    ...more,
  });
  return { made, plans };
};
const refusal = (detail: string) => ({
  refusal: { code: 'card.disk-refused', detail: expect.stringContaining(detail) as string },
});

/** First bytes of the disk, to see that nothing was written. */
const head = async (): Promise<string> => {
  const file = await open(loop.device, 'r');
  try {
    return (await file.read(Buffer.alloc(MiB), 0, MiB, 0)).buffer.toString('hex');
  } finally {
    await file.close();
  }
};

describe('a disk (a loop device)', () => {
  it('is not written to unless a disk that stays in its place is meant, and fits', async () => {
    const before = await head();
    const limits = { maxSize: 1024 * MiB, allowFixed: false };
    await expect(write('mbr.img', none, { limits })).rejects.toMatchObject(refusal('is not removable'));
    const small = { maxSize: 100 * MiB, allowFixed: true };
    await expect(write('mbr.img', none, { limits: small })).rejects.toMatchObject(refusal('more than a card'));
    const confirm = (): Promise<void> => Promise.reject(new Error('no'));
    await expect(write('mbr.img', none, { confirm })).rejects.toThrow('no');
    expect(await head()).toBe(before);
  });

  it('holds image and settings, and its root reaches to its end', async () => {
    const settings = { server: 'http://192.0.2.1:8081', key: 'drv_0123456789abcdef', hostname: 'sign-1' };
    const { made, plans } = await write('mbr.img', { settings, wifi: undefined });
    expect(plans).toMatchObject([{ facts: { size: 160 * MiB, removable: false, uses: [] }, kept: [] }]);
    expect(made.root).toMatchObject({ kind: 'grown', partition: 2, after: 160 * MiB - 36 * MiB });
    expect(bootFile(loop.device, 'drover/card.conf')).toBe(
      'server=http://192.0.2.1:8081\nkey=drv_0123456789abcdef\nhostname=sign-1\n',
    );
    execFileSync('sfdisk', ['--verify', '-q', loop.device], { stdio: 'pipe' });
  });

  it('keeps its settings when it is written again, now with a GPT that is right', async () => {
    const { made, plans } = await write('gpt.img', { settings: { device: 'sign-1' }, wifi: undefined });
    expect(plans).toMatchObject([{ kept: ['server', 'key', 'hostname'], settings: { key: 'drv_012345...' } }]);
    expect(made.root).toMatchObject({ kind: 'grown' });
    expect(bootFile(loop.device, 'drover/card.conf')).toContain('key=drv_0123456789abcdef\n');
    expect(execFileSync('sgdisk', ['--verify', loop.device]).toString()).toContain('No problems found');
  });

  it('forgets what it held where that is wanted', async () => {
    const { made } = await write('mbr.img', none, { forget: true });
    expect([made.kept, made.settings]).toEqual([[], {}]);
    expect(() => bootFile(loop.device, 'drover/card.conf')).toThrow();
  });

  it('is not written to while it is mounted', async () => {
    execFileSync('mke2fs', ['-q', '-F', loop.device], { stdio: 'pipe' });
    const place = join(folder, 'a mount');
    mkdirSync(place);
    execFileSync('mount', [loop.device, place]);
    try {
      await expect(write('mbr.img', none)).rejects.toMatchObject(refusal(`is mounted at ${place}`));
    } finally {
      execFileSync('umount', [place]);
    }
  });
});
