import { success, type Principal, type Result } from '@drover/contract';
import { pause } from '../jobs/pause.js';
import type { Store } from '../store/ports.js';
import { findBuild, isEnded } from './find.js';
import type { BuildLogs } from './ports.js';

interface Deps {
  readonly store: Store;
  readonly logs: BuildLogs;
}

const lookAgainMs = 250;

/** The log of a build from a place on; `follow`: until it has ended. */
export async function readLog(
  deps: Deps,
  who: Principal,
  id: string,
  { offset, follow }: { readonly offset: number; readonly follow: boolean },
  signal: AbortSignal,
): Promise<Result<AsyncIterable<Uint8Array>>> {
  const found = await deps.store.read((tx) => findBuild(tx, who, id));
  return found.ok ? success(contentOf(deps, id, { offset, follow }, signal)) : found;
}

async function* contentOf(
  { store, logs }: Deps,
  id: string,
  { offset, follow }: { readonly offset: number; readonly follow: boolean },
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  for (let place = offset; !signal.aborted;) {
    // Asked before the log is read: what was written up to its end is in what is read then.
    const build = follow ? await store.read((tx) => tx.builds.get(id)) : undefined;
    for (;;) {
      const { bytes, next } = await logs.read(id, place);
      if (bytes.length === 0) break;
      yield bytes;
      place = next;
    }
    if (build === undefined || isEnded(build)) return;
    await pause(lookAgainMs, signal);
  }
}
