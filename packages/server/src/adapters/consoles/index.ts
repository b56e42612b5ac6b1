import type { OpenConsole } from '../../app/consoles/ports.js';
import type { ConsoleGuard } from './guard.js';
import { openSsh, type SshSettings } from './ssh.js';
import { openTcp } from './tcp.js';

export type { ConsoleGuard } from './guard.js';

/** Consoles over TCP and through ssh. */
export const createOpenConsole =
  (ssh: SshSettings, guard: ConsoleGuard): OpenConsole =>
  (console, signal) =>
    console.kind === 'tcp' ? openTcp(console, guard, signal) : openSsh(console, ssh, guard, signal);
