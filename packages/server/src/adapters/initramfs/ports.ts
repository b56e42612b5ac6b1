import type { RandomAccess } from '@drover/disk-image';
import type { InitramfsPart } from '../../domain/boot-plan.js';

/** What this adapter asks of others; the composition root brings them together. */
export type Architecture = InitramfsPart['architecture'];

/** Runs a system program without a shell; throws RefusedError('tool.missing' | 'tool.failed'). */
export interface Tools {
  run(
    tool: string,
    args: readonly string[],
    options?: { signal?: AbortSignal; cwd?: string },
  ): Promise<{ stdout: string }>;
}

/** Opens a local file for reading at any place. */
export type OpenSource = (path: string) => Promise<RandomAccess & { close(): Promise<void> }>;

/** Stores bytes under their sha256: the put of the blob port. */
export type PutBlob = (source: AsyncIterable<Uint8Array>) => Promise<{ digest: string; size: number }>;
