import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadSettings, type LoadedSettings, type Settings } from './config.js';
import { takeLock } from './supervisor/lock.js';
import { createLog } from './supervisor/log.js';
import { createSupervisor, StartError, type Ready } from './supervisor/supervisor.js';

export { SettingsError } from './config.js';
export { DataFolderInUseError } from './supervisor/lock.js';
export { StartError } from './supervisor/supervisor.js';

export interface ServerOptions {
  /** Settings file; without it the default one is read when it is there. */
  readonly settingsPath?: string | undefined;
  /** Stronger than file and environment, by dotted key. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  /** The first admin key was made; `file` (mode 0600) holds it. Called before {@link RunningServer.ready}. */
  readonly onFirstKey?: ((key: string, file: string) => void) | undefined;
}

export interface RunningServer {
  readonly settings: Settings;
  readonly ready: Ready;
  /** Orderly stop of both planes. */
  stop(): Promise<void>;
  /** Resolves when the server has stopped, whoever asked for it. */
  readonly ended: Promise<void>;
}

const stopLimitMs = 30_000;
const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
export { version as serverVersion };

const makeDataFolder = (dataDir: string): void => {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(
      `The data folder ${dataDir} cannot be made (${(error as NodeJS.ErrnoException).code ?? 'unknown'}). ` +
        'Make it for the user of the server, or choose another one with dataDir in the settings or --data-dir.',
    );
  }
};

/**
 * Runs the server: a supervisor in this process, the two planes as its children. Resolves when both serve.
 * SIGTERM and SIGINT stop it in order, SIGHUP reads the settings again and restarts the control plane, SIGUSR2 restarts the boot plane.
 *
 * @throws SettingsError, DataFolderInUseError, StartError; each message says what to do.
 */
export const startServer = async (options: ServerOptions = {}): Promise<RunningServer> => {
  const load = (): Promise<LoadedSettings> =>
    loadSettings({ settingsPath: options.settingsPath, overrides: options.overrides });
  const loaded = await load();
  const { settings } = loaded;
  const log = createLog(settings.log, 'supervisor');
  for (const warning of loaded.warnings) log.warn({}, warning);
  makeDataFolder(settings.dataDir);
  const lock = await takeLock(settings.dataDir, 'server', 0);
  const supervisor = createSupervisor({
    log,
    version,
    stopLimitMs,
    onFirstKey: (key, file) => options.onFirstKey?.(key, file),
  });

  let stopping: Promise<void> | undefined;
  let resolveEnded: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    resolveEnded = resolve;
  });
  const handlers: [NodeJS.Signals, () => void][] = [
    ['SIGTERM', () => void stop()],
    ['SIGINT', () => void stop()],
    ['SIGHUP', () => void reload('control')],
    ['SIGUSR2', () => void reload('boot')],
  ];
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      log.info({}, 'stopping');
      await supervisor.stop();
      for (const [signal, handler] of handlers) process.off(signal, handler);
      lock.release();
      log.info({}, 'stopped');
      resolveEnded();
    })();
    return stopping;
  };
  const reload = async (plane: 'control' | 'boot'): Promise<void> => {
    if (stopping !== undefined) return;
    try {
      // The data folder is locked and stays what it was.
      await supervisor.restart(plane, { ...(await load()).settings, dataDir: settings.dataDir });
    } catch (error) {
      log.error({ err: error }, `the ${plane} plane goes on with the settings it has`);
    }
  };
  for (const [signal, handler] of handlers) process.on(signal, handler);

  log.info({ version, dataDir: settings.dataDir, settings: loaded.settingsPath ?? 'defaults' }, 'starting');
  try {
    const stopped = ended.then((): never => {
      throw new StartError('The server was stopped before it served.');
    });
    stopped.catch(() => undefined);
    const ready = await Promise.race([supervisor.start(settings), stopped]);
    log.info({ ...ready }, 'ready');
    return { settings, ready, stop, ended };
  } catch (error) {
    await stop();
    throw error;
  }
};
