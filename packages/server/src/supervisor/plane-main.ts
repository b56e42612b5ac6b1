import type { Log, Service } from '../app/ports.js';
import type { Settings } from '../config.js';
import { takeLock, type Lock } from './lock.js';
import { createLog } from './log.js';
import type { NetworkState } from '../boot-plane/network-state.js';
import type { Counter, FromPlane, Plane, ToPlane } from './messages.js';

/** Entry of a plane's process: `plane-main.js control|boot`, forked by the supervisor and told its settings over the channel to it. */

const stopLimitMs = 30_000;
const newsEveryMs = 5000;

/** A plane; some can say where they listen, what they counted and what they know of their network. */
type PlaneService = Service & {
  urls?(): readonly string[];
  counters?(): readonly Counter[];
  network?(): NetworkState;
};

const tell = (message: FromPlane): void => {
  if (process.connected === true) process.send?.(message, undefined, undefined, () => undefined);
};

/** What the control plane hears of the boot plane through the supervisor. */
interface PeerState {
  ready: boolean;
  counters: readonly Counter[];
  countersAt: number;
  network: NetworkState | undefined;
}

const peer: PeerState = { ready: false, counters: [], countersAt: 0, network: undefined };

const createPlane = async (
  plane: Plane,
  { settings, version, log, signal }: { settings: Settings; version: string; log: Log; signal: AbortSignal },
): Promise<PlaneService> => {
  if (plane === 'boot') {
    const { createBootPlane } = await import('../boot-plane.js');
    return createBootPlane({ settings, log, signal });
  }
  const { createControlPlane } = await import('../control-plane.js');
  return createControlPlane({
    settings,
    version,
    log,
    bootPlane: peer,
    onFirstKey: (key, file) => {
      tell({ type: 'first-key', key, file });
    },
  });
};

/** Errors that come from the machine or the settings: said plainly, without a stack. */
const isExpected = (error: unknown): error is Error =>
  error instanceof Error &&
  (/^(ListenError|BindError|DataFolderInUseError|NewerDatabaseError|UnusableDatabaseError|ForeignDatabaseError|StartError)$/.test(
    error.name,
  ) ||
    ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'EPERM', 'EROFS', 'ENOSPC'].includes(
      String((error as NodeJS.ErrnoException).code),
    ));

const run = async (plane: Plane, settings: Settings, version: string): Promise<void> => {
  const log = createLog(settings.log, plane);
  const stopping = new AbortController();
  let service: PlaneService | undefined;
  let lock: Lock | undefined;
  let ended: Promise<void> | undefined;

  const end = (reason: string): Promise<void> => {
    ended ??= (async () => {
      log.info({ reason }, `the ${plane} plane stops`);
      stopping.abort();
      setTimeout(() => process.exit(1), stopLimitMs).unref();
      await service?.stop();
      lock?.release();
      process.exit(0);
    })().catch((error: unknown) => {
      log.error({ err: error }, 'the orderly stop failed');
      process.exit(1);
    });
    return ended;
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  // A Ctrl-C reaches the whole process group; the supervisor says when it is our turn.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => void end('the supervisor is gone'));
  process.on('message', (message: ToPlane) => {
    if (message.type === 'stop') void end('asked by the supervisor');
    if (message.type === 'peer') peer.ready = message.ready;
    if (message.type === 'counters') {
      peer.counters = message.counters;
      peer.countersAt = Date.now();
    }
    if (message.type === 'network') peer.network = message.network;
  });

  try {
    // A plane whose supervisor was killed may still be ending.
    lock = await takeLock(settings.dataDir, `${plane}-plane`, stopLimitMs + 5000);
    service = await createPlane(plane, { settings, version, log, signal: stopping.signal });
    await service.start(stopping.signal);
  } catch (error) {
    if (ended !== undefined) return ended;
    if (isExpected(error)) tell({ type: 'failed', message: error.message });
    else {
      log.error({ err: error }, `the ${plane} plane could not start`);
      tell({
        type: 'failed',
        message: `The ${plane} plane could not start: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
    await service?.stop().catch(() => undefined);
    process.exit(1);
  }
  tell({ type: 'ready', urls: service.urls?.() ?? [] });
  tellNews(service);
  return undefined;
};

/** What the other plane shows of this one, every few seconds; the network at once, too. */
const tellNews = (service: PlaneService): void => {
  const say = (): void => {
    const [counters, network] = [service.counters?.(), service.network?.()];
    if (counters !== undefined) tell({ type: 'counters', counters });
    if (network !== undefined) tell({ type: 'network', network });
  };
  say();
  setInterval(say, newsEveryMs).unref();
};

const isPlane = (text: string | undefined): text is Plane => text === 'control' || text === 'boot';

const plane = process.argv[2];
if (isPlane(plane) && process.connected === true) {
  // Word of the other plane may come first, when that one is faster.
  const begin = (message: ToPlane): void => {
    if (message.type !== 'start') return;
    process.off('message', begin);
    void run(plane, message.settings, message.version);
  };
  process.on('message', begin);
  tell({ type: 'loaded' });
} else {
  process.stderr.write('This is started by `drover serve`.\n');
  process.exitCode = 2;
}
