import type { NbdTraffic } from './types.js';

/** Counts of one connection while they grow. */
export type TrafficCount = { -readonly [Name in keyof NbdTraffic]: number };

export const createTrafficCount = (): TrafficCount => ({
  readRequests: 0,
  readBytes: 0,
  writeRequests: 0,
  writtenBytes: 0,
  otherRequests: 0,
  failedRequests: 0,
});

export const addTraffic = (sum: TrafficCount, more: NbdTraffic): void => {
  for (const name of Object.keys(sum) as (keyof NbdTraffic)[]) sum[name] += more[name];
};
