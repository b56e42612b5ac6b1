import type { Log } from '../../src/app/ports.js';

const quiet = (): void => undefined;
export const silentLog: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => silentLog };
