import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootFile, makeCardImage } from '../../../card/test/support/card-image.js';
import { attachLoop } from '../../../card/test/support/loop.js';
import { environmentOf, exitOf, runDrover, until } from './server.js';

const MiB = 1 << 20;
const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));
let folder: string;
let loop: ReturnType<typeof attachLoop>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-card-device-'));
  makeCardImage(join(folder, 'small.img'));
  makeCardImage(join(folder, 'large.img'), { size: 1024 * MiB });
  loop = attachLoop(join(folder, 'card'), 1200 * MiB);
});
afterAll(() => {
  loop.detach();
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  text(): string;
}
const start = (program: string, ...args: string[]): Running => {
  const child = spawn(program, args, { env: environmentOf(folder), cwd: folder });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, text: () => text };
};

/** In a terminal of its own, as script(1) makes one. */
const inTerminal = (...args: string[]): Running =>
  start('script', '-qec', [process.execPath, drover, 'card', 'write', ...args].join(' '), '/dev/null');

describe('a disk that is not made to be taken out', () => {
  it('is left as it is by whoever does not type its name, and written by whoever does', async () => {
    const args = [loop.device, '--image', 'small.img', '--allow-fixed', '--hostname', 'sign-1'];
    const wrong = inTerminal(...args);
    await until('it asks', () => wrong.text().includes(`Type ${loop.device}`));
    wrong.child.stdin.write('yes\n');
    expect(await exitOf(wrong.child)).toBe(2);
    expect(() => bootFile(loop.device, 'drover/card.conf')).toThrow();

    const right = inTerminal(...args);
    await until('it asks', () => right.text().includes(`Type ${loop.device}`));
    right.child.stdin.write(`${loop.device}\n`);
    expect(await exitOf(right.child)).toBe(0);
    expect(bootFile(loop.device, 'drover/card.conf')).toBe('hostname=sign-1\n');
  });

  it('is not written to where nobody can be asked', async () => {
    const args = ['card', 'write', loop.device, '--image', 'small.img', '--allow-fixed'];
    const { code, stderr } = await runDrover(args, { env: environmentOf(folder), cwd: folder });
    expect([code, stderr]).toEqual([2, expect.stringContaining('give --yes')]);
  });

  it('is said to be of no use when the writing was interrupted', async () => {
    const args = ['card', 'write', loop.device, '--image', 'large.img', '--allow-fixed', '--yes'];
    const writing = start(process.execPath, drover, ...args);
    await until('it writes', () => writing.text().includes('writing'));
    writing.child.kill('SIGINT');
    expect(await exitOf(writing.child)).toBe(130);
    expect(writing.text()).toContain(`Interrupted. The card in ${loop.device} is not usable now`);
  });
});
