import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBuildLogs } from './index.js';

const build = `bld_${'0'.repeat(26)}`;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-logs-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const textFrom = async (logs: ReturnType<typeof createBuildLogs>, offset = 0): Promise<string> => {
  let text = '';
  for (let place = offset; ;) {
    const { bytes, next } = await logs.read(build, place);
    if (bytes.length === 0) return text;
    text += Buffer.from(bytes).toString();
    place = next;
  }
};

it('keeps what is written, in order, and goes on after a restart', async () => {
  const logs = createBuildLogs(folder);
  const first = await logs.append(build);
  for (let line = 0; line < 50; line++) first.write(`${line}\n`);
  await first.close();
  const again = await createBuildLogs(folder).append(build);
  again.write('again\n');
  await again.close();
  const whole = [...Array(50).keys()].map((line) => `${line}\n`).join('') + 'again\n';
  expect(await textFrom(logs)).toBe(whole);
  expect(await textFrom(logs, whole.length - 6)).toBe('again\n');
  expect(await logs.size(build)).toBe(whole.length);
});

it('keeps the beginning and the end of one that is too long, says what is not there, and counts all of it', async () => {
  const logs = createBuildLogs(folder, 10);
  const writer = await logs.append(build);
  for (let line = 100; line < 200; line++) writer.write(`line ${line}\n`);
  await writer.close();
  const text = await textFrom(logs);
  expect(text).toMatch(/^line 100\nline 101\nli\n\.\.\. 860 bytes of this log were not kept \.\.\.\n[^]*line 199\n$/);
  expect(await logs.size(build)).toBe(900);
  expect(readdirSync(join(folder, build))).toHaveLength(4);
  expect(await textFrom(logs, 891)).toBe('line 199\n');
});

it('has nothing of a build that never wrote, forgets one that is deleted, and takes no other name for a folder', async () => {
  const logs = createBuildLogs(folder);
  expect([await logs.size(build), await textFrom(logs), await logs.list()]).toEqual([0, '', []]);
  const writer = await logs.append(build);
  writer.write('x');
  await writer.close();
  expect(await logs.list()).toEqual([build]);
  await logs.delete(build);
  expect(await logs.list()).toEqual([]);
  await expect(logs.append('../x')).rejects.toThrow('no build');
});
