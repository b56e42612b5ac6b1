import { defaultTftpLimits } from '@drover/protocols/tftp';
import type { TftpSettings } from './types.js';

/**
 * Sensible values for a server of a few hundred boards; `addresses` has to be named. A board asks for 10 to 40 files in
 * a boot, most of them absent, one after the other: the request limits are far above that and far below a flood.
 */
export const defaultTftpSettings: Omit<TftpSettings, 'addresses'> = {
  port: 69,
  singlePort: false,
  limits: defaultTftpLimits,
  transfersPerClient: 64,
  transfers: 2048,
  requestsPerSecond: 200,
  requestBurst: 400,
  openTimeoutMs: 5000,
  cacheBytes: 64 << 20,
};
