import { mkdtempSync, rmSync } from 'node:fs';
import type * as promises from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';

/** What was done to the disk, in order: killing a process proves nothing about fsync, because the system keeps what was written. */
const done: string[] = [];

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof promises>();
  const record = (handle: FileHandle, path: string): FileHandle =>
    new Proxy(handle, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (['write', 'sync', 'truncate'].includes(String(property))) done.push(`${String(property)} ${path}`);
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  return {
    ...original,
    open: async (path: string, ...rest: [string, number?]) => record(await original.open(path, ...rest), path),
    rename: async (from: string, to: string) => {
      done.push(`rename ${from} ${to}`);
      await original.rename(from, to);
    },
    mkdir: async (path: string, options: object) => {
      const made = await original.mkdir(path, options);
      done.push(`mkdir ${path}`);
      return made;
    },
  };
});

const { createFsBlobStore, createUploadStore } = await import('./index.js');

const folder = mkdtempSync(join(tmpdir(), 'drover-durability-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  done.length = 0;
});

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve();
    yield Buffer.from(text);
  }
}
const steps = (): string[] => done.map((step) => step.replaceAll(folder, ''));
const position = (pattern: RegExp): number => {
  const found = steps().findIndex((step) => pattern.test(step));
  if (found < 0) throw new Error(`${String(pattern)} did not happen: ${steps().join('; ')}`);
  return found;
};

describe('a blob', () => {
  it('is flushed before it gets its name, and the name before it is acknowledged', async () => {
    const store = await createFsBlobStore(join(folder, 'blobs'));
    expect(steps().filter((step) => step.startsWith('mkdir'))).toHaveLength(3);
    done.length = 0;
    const { digest } = await store.put(pieces('a', 'b', 'c'));
    const shelf = dirname(store.localPath(digest) ?? '').replace(folder, '');
    const order = [
      position(/^write .*\/put$/),
      position(/^sync .*\/put$/),
      position(new RegExp(`^mkdir ${shelf}$`)),
      position(new RegExp(`^sync ${dirname(shelf)}$`)),
      position(/^rename .*\/put /),
      position(new RegExp(`^sync ${shelf}$`)),
    ];
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(steps().findLastIndex((step) => step.startsWith('write'))).toBeLessThan(position(/^sync .*\/put$/));
    expect(basename(store.localPath(digest) ?? '')).toBe(digest);
  });

  it('that takes over a file flushes it first', async () => {
    const store = await createFsBlobStore(join(folder, 'more'));
    const { digest } = await store.put(pieces('x'));
    done.length = 0;
    await store.adopt(store.localPath(digest) ?? '', digest);
    expect(position(/^sync .*[0-9a-f]{64}$/)).toBeLessThan(position(/^rename/));
    expect(position(/^rename/)).toBeLessThan(position(/^sync .*\/[0-9a-f]{2}$/));
  });
});

describe('an upload', () => {
  it('is flushed before its offset is acknowledged', async () => {
    const store = await createUploadStore(join(folder, 'uploads'));
    const id = 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
    await store.append(id, 0, pieces('a', 'b'), 100);
    expect(position(/^sync \/uploads$/)).toBeLessThan(position(/^write/));
    expect(steps().at(-1)).toBe(`sync /uploads/${id}`);
    done.length = 0;
    await store.append(id, 1, pieces('c'), 100);
    expect(steps()).toEqual([`truncate /uploads/${id}`, `write /uploads/${id}`, `sync /uploads/${id}`]);
  });
});
