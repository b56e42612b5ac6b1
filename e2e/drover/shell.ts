import { setTimeout as sleep } from 'node:timers/promises';
import type { Guest } from '../lab/index.js';

/** A guest with somebody at its serial console. */
export type Typist = Pick<Guest, 'send' | 'console'>;

const patienceMs = 90_000;

/** Waits for the shell of a busybox system that is up. What is typed before it listens is lost. */
export async function shellOf(guest: Typist): Promise<void> {
  await guest.console.expect('/ # ', patienceMs);
  await sleep(1000);
}

/** Types a command and returns what it printed, on one line. What is typed may be shown before the prompt that it answers. */
export async function ask(guest: Typist, command: string, ms = patienceMs): Promise<string> {
  guest.send(`echo "<$(${command})>"\n`);
  return ((await guest.console.expect(/(?:\n|# )<([^>]*)>\r?\n/, ms))[1] ?? '').replace(/\s+/g, ' ').trim();
}
