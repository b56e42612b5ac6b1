import { success, type Result } from '@drover/contract';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock, Log } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { BlobInfo, BlobStore } from './ports.js';

interface Deps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** How far a verification came. `cursor` null: at the beginning. */
interface Checkpoint {
  cursor: string | null;
  checked: number;
  bytes: number;
  damaged: number;
  absent: number;
  /** The first of them. */
  blobs: { digest: string; found: 'damaged' | 'absent'; images: string[] }[];
}

const atOnce = 20;
/** Blobs named in the result; the counts and the events tell of all. */
const named = 100;

/** Reads every known blob and compares it with its name. What is damaged or gone is told as an event; nothing is changed. */
export const createVerifyJob = (deps: Deps): JobHandler => ({
  kind: 'blob.verify',
  run: async (context): Promise<Result<Record<string, unknown>>> => {
    const state = readCheckpoint(context);
    const { count } = await deps.store.read((tx) => tx.blobs.totals());
    for (;;) {
      const page = await deps.store.read((tx) =>
        tx.blobs.list({ limit: atOnce, ...(state.cursor === null ? {} : { cursor: state.cursor }) }),
      );
      for (const blob of page.items) {
        context.signal.throwIfAborted();
        await check(deps, blob, state, context.signal);
        context.progress({ step: 'verify', done: state.checked, total: Math.max(count, state.checked), unit: 'blobs' });
      }
      state.cursor = page.next;
      if (page.next === null) break;
      await context.saveCheckpoint({ ...state });
    }
    return success({
      checked: state.checked,
      bytes: state.bytes,
      damaged: state.damaged,
      absent: state.absent,
      blobs: state.blobs,
    });
  },
});

const readCheckpoint = ({ checkpoint }: JobContext): Checkpoint => ({
  cursor: null,
  checked: 0,
  bytes: 0,
  damaged: 0,
  absent: 0,
  blobs: [],
  ...(checkpoint as Partial<Checkpoint>),
});

const check = async (deps: Deps, blob: BlobInfo, state: Checkpoint, signal: AbortSignal): Promise<void> => {
  const found = await deps.blobs.verify(blob.digest, signal);
  state.checked += 1;
  state.bytes += blob.size;
  if (found === 'sound') return;
  const images = await deps.store.transaction(async (tx) => {
    // Collected while it was read: then nobody misses it.
    if ((await tx.blobs.get(blob.digest)) === undefined) return undefined;
    const needing = await tx.blobs.neededBy(blob.digest);
    const at = new Date(deps.clock.now()).toISOString();
    const data = { found, size: blob.size, images: needing };
    await tx.events.append({ type: 'blob.corrupt', at, tenant: null, subject: blob.digest, data });
    return needing;
  });
  if (images === undefined) return;
  deps.log.error({ blob: blob.digest, found, images }, 'a stored blob is not what it should be');
  state[found] += 1;
  if (state.blobs.length < named) state.blobs.push({ digest: blob.digest, found, images });
};
