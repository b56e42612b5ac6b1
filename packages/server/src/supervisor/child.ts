import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Log } from '../app/ports.js';
import { childEnvironment, type Settings } from '../config.js';
import { createBackOff } from './back-off.js';
import { memoryOptions } from './memory.js';
import type { FromPlane, Plane, ToPlane } from './messages.js';

/** One plane as a child process that is started again when it falls. */
export interface Child {
  readonly plane: Plane;
  start(settings: Settings): void;
  /** Asks it to end and waits; kills it after `limitMs`. */
  stop(limitMs: number): Promise<void>;
  restart(settings: Settings, limitMs: number): Promise<void>;
  send(message: ToPlane): void;
  isReady(): boolean;
  pid(): number | undefined;
}

export interface ChildDeps {
  readonly plane: Plane;
  readonly log: Log;
  readonly version: string;
  readonly onMessage: (message: FromPlane) => void;
  /** It went without being told to; it is started again after `delayMs`. */
  readonly onDown: () => void;
}

const entry = fileURLToPath(new URL('./plane-main.js', import.meta.url));

const exited = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => {
        child.once('exit', () => {
          resolve();
        });
      });

export const createChild = ({ plane, log, version, onMessage, onDown }: ChildDeps): Child => {
  const backOff = createBackOff();
  let child: ChildProcess | undefined;
  let settings: Settings | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ready = false;
  let wanted = false;

  const send = (message: ToPlane): void => {
    if (child?.connected === true) child.send(message, () => undefined);
  };

  const fell = (code: number | null, signal: NodeJS.Signals | null): void => {
    child = undefined;
    ready = false;
    if (!wanted) return;
    onDown();
    const delay = backOff.nextDelay(Date.now());
    log.warn({ plane, code, signal, againInMs: delay }, `the ${plane} plane ended unexpectedly; it is started again`);
    timer = setTimeout(spawn, delay);
  };

  const spawn = (): void => {
    timer = undefined;
    backOff.started(Date.now());
    // Sourcemaps and the like of our own run go along; secrets of the environment do not.
    const started = fork(entry, [plane], {
      env: childEnvironment(),
      execArgv: [...process.execArgv, ...memoryOptions],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child = started;
    started.on('message', (message: FromPlane) => {
      if (message.type === 'loaded' && settings !== undefined) send({ type: 'start', settings, version });
      if (message.type === 'ready') ready = true;
      onMessage(message);
    });
    started.on('error', (error) => {
      log.error({ plane, err: error }, `the ${plane} plane could not be started`);
    });
    started.once('exit', (code, signal) => {
      if (child === started) fell(code, signal);
    });
  };

  const stop = async (limitMs: number): Promise<void> => {
    wanted = false;
    clearTimeout(timer);
    const ending = child;
    if (ending === undefined) return;
    send({ type: 'stop' });
    const kill = setTimeout(() => {
      log.error({ plane }, `the ${plane} plane did not end within ${limitMs} ms; it is killed`);
      ending.kill('SIGKILL');
    }, limitMs);
    await exited(ending);
    clearTimeout(kill);
    child = undefined;
    ready = false;
  };

  const start = (given: Settings): void => {
    settings = given;
    wanted = true;
    spawn();
  };

  return {
    plane,
    start,
    stop,
    restart: async (given, limitMs) => {
      await stop(limitMs);
      start(given);
    },
    send,
    isReady: () => ready,
    pid: () => child?.pid,
  };
};
