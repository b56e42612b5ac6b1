import { loadSettingsFrom, type LoadedSettings, type LoadOptions } from './config/load.js';

export { defaultSettingsPath, SettingsError, type LoadedSettings } from './config/load.js';
export { effectiveSettings, type EffectiveSetting } from './config/show.js';
export { listenAddressText, type ListenAddress } from './config/values.js';
export type { Settings } from './config/schema.js';

/**
 * Reads the settings file, the environment and the command line's overrides (dotted keys). The only reader of the environment in the server.
 * Rejects with SettingsError, whose message names every problem with its line and remedy.
 */
export const loadSettings = (options: Pick<LoadOptions, 'settingsPath' | 'overrides'> = {}): Promise<LoadedSettings> =>
  loadSettingsFrom({ ...options, env: process.env, isRoot: process.getuid?.() === 0 });

/** The environment handed to child processes: everything but what may hold a secret of ours. */
export const childEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DROVER_')));
