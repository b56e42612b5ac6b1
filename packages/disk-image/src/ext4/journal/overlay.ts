import { viewOf } from '../../bytes.js';
import type { RandomAccess } from '../../source.js';
import { journalMagic } from './records.js';
import type { LoggedBlock } from './replay.js';

/** A volume with blocks of its journal laid over it. Their content is read when it is asked for. */
export function journalledSource(
  volume: RandomAccess,
  blocks: ReadonlyMap<number, LoggedBlock>,
  blockSize: number,
): RandomAccess {
  if (blocks.size === 0) return volume;

  const replace = async (into: Uint8Array, offset: number, block: number, logged: LoggedBlock): Promise<void> => {
    const start = block * blockSize;
    const from = Math.max(offset, start);
    const to = Math.min(offset + into.length, start + blockSize);
    const bytes = Uint8Array.from(await volume.read(logged.place, blockSize));
    if (logged.isEscaped) viewOf(bytes).setUint32(0, journalMagic);
    into.set(bytes.subarray(from - start, to - start), from - offset);
  };

  return {
    size: volume.size,
    read: async (offset, length) => {
      const below = await volume.read(offset, length);
      // What was read may be a view of a cache.
      let own: Uint8Array | undefined;
      const end = Math.ceil((offset + length) / blockSize);
      for (let block = Math.floor(offset / blockSize); block < end; block++) {
        const logged = blocks.get(block);
        if (logged === undefined) continue;
        own ??= Uint8Array.from(below);
        await replace(own, offset, block, logged);
      }
      return own ?? below;
    },
  };
}
