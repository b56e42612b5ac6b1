import { expect, it } from 'vitest';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { createAllocator } from './allocator.js';
import { ClusterSet } from './cluster-set.js';
import { createCountWriter } from './count-writer.js';
import { createQcow2 } from './create.js';
import { readLayout } from './layout.js';
import { readRefcount } from './refcounts.js';

/** A file whose writes wait for the test. */
class SlowFile extends MemoryFile {
  readonly waiting: (() => void)[] = [];
  isSlow = false;

  override async write(offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    await super.write(offset, bytes);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function slowWriter() {
  const file = new SlowFile();
  await createQcow2(file, { size: 1 << 20 });
  const layout = await readLayout(file);
  const { geometry } = layout;
  const used = new ClusterSet();
  const state = { used, counted: new ClusterSet(), end: 100, limit: geometry.refcountEntries, punches: false };
  const allocator = createAllocator(state, geometry);
  file.isSlow = true;
  const counted = (host: number): number => {
    const at = (layout.refcountTable[0] as number) * geometry.clusterSize;
    return readRefcount(Buffer.from(file.bytes.subarray(at, at + geometry.clusterSize)), host, geometry.refcountBits);
  };
  return { file, allocator, counted, counts: createCountWriter({ file, layout, allocator }) };
}

it('does not let an older write of reference counts overtake a newer one', async () => {
  const { file, allocator, counts, counted } = await slowWriter();
  allocator.count([40]);
  const first = counts.write();
  await turn();
  allocator.count([41]);
  const second = counts.write();
  await turn();
  // Whatever the system does last wins.
  while (file.waiting.length > 0) {
    file.waiting.pop()?.();
    await turn();
  }
  await Promise.all([first, second]);
  expect([counted(40), counted(41)]).toEqual([1, 1]);
});

it('leaves nothing under way when it fails, and writes it the next time', async () => {
  const { file, allocator, counts, counted } = await slowWriter();
  file.failing.write = Object.assign(new Error('full'), { code: 'ENOSPC' });
  allocator.count([40, 400]);
  const failed = counts.write();
  let isOver = false;
  failed.catch(() => undefined).finally(() => (isOver = true));
  await turn();
  expect(file.waiting).toHaveLength(2);
  file.waiting.pop()?.();
  await turn();
  expect(isOver).toBe(false);
  file.waiting.pop()?.();
  await expect(failed).rejects.toMatchObject({ code: 'ENOSPC' });
  delete file.failing.write;
  file.isSlow = false;
  await counts.write();
  expect([counted(40), counted(400)]).toEqual([1, 1]);
});
