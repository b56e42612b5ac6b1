export {
  DataFolderInUseError,
  serverVersion,
  SettingsError,
  StartError,
  startServer,
  type RunningServer,
  type ServerOptions,
} from './main.js';
export { effectiveSettings, loadSettings, type EffectiveSetting, type Settings } from './config.js';
export { fetchHelpers, type FetchedHelper } from './helpers.js';
