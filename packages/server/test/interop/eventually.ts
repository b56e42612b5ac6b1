import { vi } from 'vitest';

/** Looks until it throws no more, for so long that only what never comes fails: a machine under load is slow. */
export const eventually = <T>(look: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(look, { timeout: 15_000, interval: 20 });
