import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { createHandles } from './handles.js';

const folder = mkdtempSync(join(tmpdir(), 'drover-handles-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const files = Array.from({ length: 20 }, (_, i) => {
  const path = join(folder, `file-${i}`);
  writeFileSync(path, `text ${i}`);
  return path;
});
const openFiles = (): number => readdirSync('/proc/self/fd').length;

const read = (handles: ReturnType<typeof createHandles>, path: string): Promise<string> =>
  handles.use(path, async (handle) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    return buffer.toString('utf8', 0, bytesRead);
  });

describe('open files', () => {
  it('are few, however many are read', async () => {
    const handles = createHandles(4);
    const before = openFiles();
    for (let round = 0; round < 3; round += 1) {
      for (const path of files) expect(await read(handles, path)).toContain('text');
    }
    await sleep(20);
    expect(openFiles() - before).toBeLessThanOrEqual(5);
    await handles.close();
    await sleep(20);
    expect(openFiles()).toBeLessThanOrEqual(before);
  });

  it('stay open while they are used, also when they are dropped meanwhile', async () => {
    const handles = createHandles(1);
    const [first = '', second = ''] = files;
    const slow = handles.use(first, async (handle) => {
      await sleep(30);
      return (await handle.read(Buffer.alloc(6), 0, 6, 0)).buffer.toString();
    });
    await read(handles, second);
    handles.drop(first);
    expect(await slow).toBe('text 0');
    await handles.close();
  });

  it('are opened again after a failure and after a drop', async () => {
    const handles = createHandles(4);
    const path = join(folder, 'late');
    await expect(read(handles, path)).rejects.toThrow('ENOENT');
    writeFileSync(path, 'one');
    expect(await read(handles, path)).toBe('one');
    rmSync(path);
    writeFileSync(path, 'two');
    expect(await read(handles, path)).toBe('one');
    handles.drop(path);
    expect(await read(handles, path)).toBe('two');
    await handles.close();
  });
});
