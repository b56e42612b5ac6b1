import type { Log, Service } from './app/ports.js';
import type { Settings } from './config.js';

/** Composition root of the boot plane. */
export const createBootPlane = ({ log }: { settings: Settings; log: Log; signal: AbortSignal }): Service => ({
  start: async () => {
    log.info({}, 'the boot plane serves');
  },
  stop: async () => undefined,
});
