/** A whole emulated Pi: power-on, firmware, QEMU, reboot, until it is told to stop. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createBoard } from './board.js';
import { createClock } from './clock.js';
import { qemuCommand, writeHandoff, type QemuOptions } from './handoff.js';
import { runQemu, type QemuExit } from './qemu.js';
import type { BoardEvent, BoardOptions, BoardStep, BootFailure, BootImage } from './types.js';

export interface EmulatedPiOptions {
  readonly board: BoardOptions;
  readonly qemu: QemuOptions;
  /** Put before QEMU's command, such as `ip netns exec LAB`. */
  readonly commandPrefix?: readonly string[];
  /** Kernel, initrd, dtb and cmdline of the present boot are written to a folder of their own below this one, removed at the end. */
  readonly folder: string;
  /** Boots after which the loop ends; no limit. */
  readonly maxBoots?: number;
  /** Failed firmware runs in a row after which the loop ends; no limit. */
  readonly maxFailures?: number;
  readonly onStep?: (step: BoardStep) => void;
}

/**
 * Why the loop ended. `asleep`: the firmware gave up for good. `failures`: `maxFailures` reached. `qemu-failed`: QEMU could not start the guest.
 */
export type EmulatedPiEnd = 'stopped' | 'boots' | 'failures' | 'asleep' | 'powered-off' | 'qemu-failed';

export interface EmulatedPiResult {
  readonly end: EmulatedPiEnd;
  /** Times a guest was started. */
  readonly boots: number;
  readonly lastImage?: BootImage;
  readonly lastFailure?: BootFailure;
  readonly lastExit?: QemuExit;
}

export interface EmulatedPi {
  /** Runs until the signal is aborted or an end of the options is reached. What goes wrong on the network or in the guest is in the result. */
  run(signal?: AbortSignal): Promise<EmulatedPiResult>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Progress = Mutable<Omit<EmulatedPiResult, 'end'>>;

const isStopped = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

export const emulatedPi = (options: EmulatedPiOptions): EmulatedPi => {
  const clock = options.board.clock ?? createClock(options.board.clockScale ?? 1);
  let poweredOn = clock.now();
  const onStep = (step: BoardStep): void => {
    options.board.onStep?.(step);
    options.onStep?.(step);
  };
  const emit = (event: BoardEvent): void =>
    onStep({ at: Math.round(clock.now() - poweredOn), serial: options.board.identity.serial, ...event });
  const board = createBoard({ ...options.board, clock, onStep });

  const runGuest = async (image: BootImage, folder: string, signal: AbortSignal | undefined): Promise<QemuExit> => {
    const files = await writeHandoff(image, folder);
    await board.release();
    const command = [...(options.commandPrefix ?? []), ...qemuCommand(image, files, options.qemu)];
    const [program = '', ...args] = command;
    emit({ type: 'qemu-start', command });
    const exit = await runQemu(
      { command: [program, ...args], onLine: (line) => emit({ type: 'console', line }) },
      signal,
    );
    emit({ type: 'qemu-exit', code: exit.code, signal: exit.signal, ms: exit.ms });
    return exit;
  };

  /** One turn of the loop; a reason when it is the last. */
  const turn = async (
    progress: Progress,
    folder: string,
    failuresBefore: number,
    signal?: AbortSignal,
  ): Promise<EmulatedPiEnd | undefined> => {
    poweredOn = clock.now();
    const result = await board.boot(signal === undefined ? {} : { signal });
    if (!result.ok) {
      progress.lastFailure = result.failure;
      if (result.failure.then === 'sleep') return 'asleep';
      if (failuresBefore + 1 >= (options.maxFailures ?? Infinity)) return 'failures';
      await clock.sleep(result.failure.retryAfterMs, signal);
      return undefined;
    }
    delete progress.lastFailure;
    progress.lastImage = result.image;
    progress.boots += 1;
    const exit = await runGuest(result.image, folder, signal);
    progress.lastExit = exit;
    if (isStopped(signal)) return 'stopped';
    if (exit.code !== 0) return 'qemu-failed';
    if (exit.poweredOff) return 'powered-off';
    return progress.boots >= (options.maxBoots ?? Infinity) ? 'boots' : undefined;
  };

  const run = async (signal?: AbortSignal): Promise<EmulatedPiResult> => {
    const progress: Progress = { boots: 0 };
    let failures = 0;
    await mkdir(options.folder, { recursive: true });
    const folder = await mkdtemp(join(options.folder, 'boot-'));
    try {
      for (;;) {
        const end = await turn(progress, folder, failures, signal);
        if (end !== undefined) return { end, ...progress };
        failures = progress.lastFailure === undefined ? 0 : failures + 1;
      }
    } catch (error) {
      if (isStopped(signal)) return { end: 'stopped', ...progress };
      throw error;
    } finally {
      await board.release();
      await rm(folder, { recursive: true, force: true });
    }
  };

  return { run };
};
