/** The part of a boot after the firmware, when no QEMU plays it: an initramfs and agent spoken over HTTP by a function. */
import type { Clock } from './clock.js';
import type { BoardIdentity } from './identity.js';
import type { Random } from './random.js';
import type { BootImage } from './types.js';

/** The board an operating system runs on. */
export interface OsBoard {
  readonly identity: BoardIdentity;
  /** Address to speak from; undefined lets the host choose. */
  readonly localAddress?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
  /** For the board's log. */
  readonly say: (message: string) => void;
}

export type OsOutcome =
  | { readonly ok: true; readonly message: string }
  | {
      readonly ok: false;
      /** Short stable word for tests and counters. */
      readonly reason: string;
      readonly message: string;
      /** Milliseconds of board time after which the board restarts by itself; absent when it does not. */
      readonly restartAfterMs?: number;
    };

/** Plays the operating system of one boot. What a server does wrong is an outcome; an aborted signal is thrown. */
export type OsStage = (boot: BootImage, board: OsBoard) => Promise<OsOutcome>;

/** Nothing runs: a board that has its kernel counts as up. */
export const noOsStage: OsStage = () => Promise.resolve({ ok: true, message: 'no operating system stage' });
