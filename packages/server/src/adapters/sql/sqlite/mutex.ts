/** Lets one in at a time, in the order of asking. */
export interface Mutex {
  /** Resolves with the way to leave. */
  enter(): Promise<() => void>;
}

export const createMutex = (): Mutex => {
  let last: Promise<void> = Promise.resolve();
  return {
    enter: async () => {
      const before = last;
      let leave = (): void => undefined;
      last = new Promise((resolve) => (leave = resolve));
      await before;
      return leave;
    },
  };
};
