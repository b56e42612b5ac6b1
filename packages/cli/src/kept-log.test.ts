import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepLog } from './kept-log.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-logs-'));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 29, 2, minute));

it('what is said is in the file at once', async () => {
  const log = keepLog(join(folder, 'logs'), 'sign', at(5));
  log?.write('one\n');
  log?.write('two\n');
  expect(await readFile(log?.path ?? '', 'utf8')).toBe('one\ntwo\n');
  expect(log?.path).toContain('/logs/2026-11-29T02-05-00-sign-');
  log?.close();
});

it('twenty are kept, and what is no log is left alone', async () => {
  await writeFile(join(folder, '0-notes.txt'), 'mine');
  for (let minute = 0; minute < 25; minute++) keepLog(folder, minute % 2 === 0 ? 'sign' : 'base', at(minute))?.close();
  const names = (await readdir(folder)).sort();
  expect(names).toHaveLength(21);
  expect(names.slice(0, 2)).toEqual(['0-notes.txt', expect.stringContaining('T02-05-00-base')]);
});

it('where nothing can be written there is none', async () => {
  await writeFile(join(folder, 'file'), '');
  expect(keepLog(join(folder, 'file/logs'), 'sign', at(0))).toBeUndefined();
});
