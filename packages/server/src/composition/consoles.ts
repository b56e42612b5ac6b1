import { lookup as systemLookup } from 'node:dns';
import { createOpenConsole, type ConsoleGuard } from '../adapters/consoles/index.js';
import { guardedLookup, isInnermost } from '../adapters/import/addresses.js';
import { createConsoleHub, type ConsoleHub } from '../app/consoles/hub.js';
import type { Log } from '../app/ports.js';
import type { Settings } from '../config.js';

const guarded: ConsoleGuard = { isInnermost, lookup: guardedLookup };
const open: ConsoleGuard = { isInnermost: () => false, lookup: systemLookup };

/** What opens the serial consoles of devices. */
export const createConsoleWork = ({ consoles }: Pick<Settings, 'consoles'>, log: Log): ConsoleHub =>
  createConsoleHub({
    open: createOpenConsole(consoles.ssh, consoles.localAddresses ? open : guarded),
    limits: { idleMs: consoles.idleSeconds * 1000 },
    log,
  });
