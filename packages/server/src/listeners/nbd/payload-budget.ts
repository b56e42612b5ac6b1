/** Memory for payloads that all connections share. */
export interface PayloadBudget {
  /** Takes so many bytes if there are so many, or in any case when `entitled`. */
  take(bytes: number, entitled: boolean): boolean;
  give(bytes: number): void;
  /** Tells, in the order of asking, that there may be some again. The returned function asks no longer. */
  wait(retry: () => void): () => void;
  used(): number;
}

export function createPayloadBudget(limit: number): PayloadBudget {
  const waiting = new Set<() => void>();
  let used = 0;
  let waking = false;

  /** Each has its chance once; who does not get enough asks again, behind the others. */
  const wake = (): void => {
    waking = true;
    for (const retry of [...waiting]) {
      if (used >= limit) break;
      waiting.delete(retry);
      retry();
    }
    waking = false;
  };

  return {
    take(bytes, entitled) {
      if (used + bytes > limit && !entitled) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
      if (waiting.size > 0 && !waking) wake();
    },
    wait(retry) {
      waiting.add(retry);
      return () => void waiting.delete(retry);
    },
    used: () => used,
  };
}
