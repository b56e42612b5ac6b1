/** Lets one in at a time, in the order of asking. */
export interface Mutex {
  /** Resolves with the way to leave. */
  enter(): Promise<() => void>;
  hold<T>(work: () => Promise<T>): Promise<T>;
}

export const createMutex = (): Mutex => {
  let last: Promise<void> = Promise.resolve();
  const enter = async (): Promise<() => void> => {
    const before = last;
    let leave = (): void => undefined;
    last = new Promise((resolve) => (leave = resolve));
    await before;
    return leave;
  };
  return {
    enter,
    hold: async (work) => {
      const leave = await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
};
