import { refusal, success, withTimeLimit, type DeviceConsole, type Result } from '@drover/contract';
import { pause } from '../jobs/pause.js';
import type { Log } from '../ports.js';
import { createBacklog, type Backlog } from './backlog.js';
import type { ConsoleLine, OpenConsole } from './ports.js';
import { createWatcher, type Watcher } from './watcher.js';

/**
 * Open consoles, one line each, however many look at it. A line is opened for the first who looks or types, and closed when nobody has for a while: most terminal
 * servers let in one at a time.
 */
export interface ConsoleHub {
  /** What the console has shown since it was opened, up to the limit, and then what it shows, until the signal. */
  watch(device: string, console: DeviceConsole, signal: AbortSignal): Promise<Result<AsyncIterable<Uint8Array>>>;
  /** The first part of that alone. Opens nothing. */
  backlog(device: string, console: DeviceConsole): Uint8Array;
  write(device: string, console: DeviceConsole, bytes: Uint8Array): Promise<Result<null>>;
  stop(): Promise<void>;
}

interface Deps {
  readonly open: OpenConsole;
  readonly log: Log;
  readonly limits?: Partial<typeof defaults>;
}

const defaults = {
  /** Bytes kept of what an open console showed, and that wait for one who looks. */
  backlog: 64 * 1024,
  waiting: 256 * 1024,
  /** Consoles open at once, and how many look at one. */
  consoles: 256,
  watchers: 32,
  /** A console nobody looks at is closed after so long, ms. */
  idleMs: 60_000,
  openMs: 15_000,
  retryMs: 1_000,
  retryMaxMs: 30_000,
};

interface Open {
  readonly name: string;
  readonly backlog: Backlog;
  readonly watchers: Set<Watcher>;
  readonly ending: AbortController;
  /** The line, while there is one; rejects with why there is none. */
  line: Promise<ConsoleLine>;
  /** Reads the line, and opens it again as long as somebody looks. */
  reading: Promise<void>;
  idle: NodeJS.Timeout | undefined;
}

const whereOf = ({ host, port }: DeviceConsole): string => `${host}:${port}`;
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createConsoleHub(deps: Deps): ConsoleHub {
  const limits = { ...defaults, ...deps.limits };
  const open = new Map<string, Open>();

  const tell = (each: Open, bytes: Uint8Array): void => {
    each.backlog.add(bytes);
    for (const watcher of each.watchers) watcher.give(bytes);
  };
  const say = (each: Open, text: string): void => tell(each, Buffer.from(`\r\n[drover: ${text}]\r\n`));

  const connect = (console: DeviceConsole, { signal }: AbortController): Promise<ConsoleLine> => {
    const line = deps.open(console, withTimeLimit(signal, limits.openMs));
    // Whoever waits for it hears of a failure.
    line.catch(() => undefined);
    return line;
  };

  const close = (device: string, each: Open): void => {
    if (open.get(device) === each) open.delete(device);
    clearTimeout(each.idle);
    each.ending.abort();
    for (const watcher of each.watchers) watcher.end();
  };

  /** Shows one line until it ends. Says why it did. */
  const show = async (each: Open, line: ConsoleLine): Promise<string> => {
    const onEnd = (): void => void line.close();
    each.ending.signal.addEventListener('abort', onEnd, { once: true });
    try {
      if (each.ending.signal.aborted) return 'it is closed';
      for await (const bytes of line.output) tell(each, bytes);
      return 'the other side closed it';
    } catch (error) {
      return reasonOf(error);
    } finally {
      each.ending.signal.removeEventListener('abort', onEnd);
      await line.close();
    }
  };

  const keepShowing = async (device: string, console: DeviceConsole, each: Open): Promise<void> => {
    const { signal } = each.ending;
    // The first attempt is the caller's to tell of.
    const first = await each.line.catch(() => undefined);
    if (first === undefined) return close(device, each);
    let [line, wait]: [ConsoleLine | undefined, number] = [first, limits.retryMs];
    while (!signal.aborted) {
      if (line !== undefined) {
        const openedAt = Date.now();
        const why = await show(each, line);
        if (signal.aborted) return;
        if (Date.now() - openedAt > limits.retryMaxMs) wait = limits.retryMs;
        say(each, `the console is lost: ${why}`);
      }
      // Nobody is there to see it come back.
      if (each.watchers.size === 0) return close(device, each);
      await pause(wait, signal);
      wait = Math.min(limits.retryMaxMs, wait * 2);
      if (signal.aborted) return;
      each.line = connect(console, each.ending);
      line = await each.line.catch(() => undefined);
      if (line !== undefined) say(each, 'the console is back');
    }
    await line?.close();
  };

  const begin = (device: string, console: DeviceConsole): Open => {
    const ending = new AbortController();
    const each: Open = {
      name: JSON.stringify(console),
      backlog: createBacklog(limits.backlog),
      watchers: new Set(),
      ending,
      line: connect(console, ending),
      reading: Promise.resolve(),
      idle: undefined,
    };
    open.set(device, each);
    each.reading = keepShowing(device, console, each).catch((error: unknown) =>
      deps.log.error({ err: error, device }, 'a console broke off'),
    );
    return each;
  };

  /** The open console of a device; one that was open to another place is closed. */
  const known = (device: string, console: DeviceConsole): Open | undefined => {
    const each = open.get(device);
    if (each === undefined || each.name === JSON.stringify(console)) return each;
    close(device, each);
    return undefined;
  };

  const rest = (device: string, each: Open): void => {
    clearTimeout(each.idle);
    if (each.watchers.size > 0 || each.ending.signal.aborted) return;
    each.idle = setTimeout(() => close(device, each), limits.idleMs);
  };

  /** Opens it where it is not, and waits until it is. */
  const opened = async (device: string, console: DeviceConsole): Promise<Result<Open>> => {
    const before = known(device, console);
    if (before === undefined && open.size >= limits.consoles)
      return refusal('server.busy', `${limits.consoles} consoles are open, which is all there may be.`);
    const each = before ?? begin(device, console);
    clearTimeout(each.idle);
    try {
      await each.line;
      return success(each);
    } catch (error) {
      // One that others look at goes on trying.
      if (before !== undefined && each.watchers.size > 0) return success(each);
      return refusal(
        'console.unreachable',
        `The console at ${whereOf(console)} cannot be opened: ${reasonOf(error)}.`,
        {
          remedy: 'Check what serves it (ser2net, ssh), and what the device says of it: drover device show.',
        },
      );
    }
  };

  return {
    watch: async (device, console, signal) => {
      const found = await opened(device, console);
      if (!found.ok) return found;
      const each = found.value;
      if (each.watchers.size >= limits.watchers)
        return refusal('server.busy', `${limits.watchers} look at this console, which is all that may.`);
      const watcher = createWatcher(limits.waiting);
      if (each.backlog.length > 0) watcher.give(each.backlog.read());
      each.watchers.add(watcher);
      const leave = (): void => {
        each.watchers.delete(watcher);
        rest(device, each);
      };
      if (signal.aborted) leave();
      signal.addEventListener('abort', leave, { once: true });
      return success(watcher.read(signal));
    },
    backlog: (device, console) => known(device, console)?.backlog.read() ?? new Uint8Array(),
    write: async (device, console, bytes) => {
      const found = await opened(device, console);
      if (!found.ok) return found;
      try {
        await (await found.value.line).write(bytes);
        return success(null);
      } catch (error) {
        return refusal('console.unreachable', `The console at ${whereOf(console)} is lost: ${reasonOf(error)}.`, {
          remedy: 'Try again: it is opened anew.',
        });
      } finally {
        rest(device, found.value);
      }
    },
    stop: async () => {
      const all = [...open];
      for (const [device, each] of all) close(device, each);
      await Promise.all(all.map(([, each]) => each.reading));
    },
  };
}
