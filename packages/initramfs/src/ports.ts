export type { Tools } from '@drover/tools';

/** Kernels by the instructions they need, as Debian calls them: armel for ARMv6. */
export type Architecture = 'arm64' | 'armhf' | 'armel';

/** Stores bytes under their sha256: the put of the blob port. */
export type PutBlob = (source: AsyncIterable<Uint8Array>) => Promise<{ digest: string; size: number }>;
