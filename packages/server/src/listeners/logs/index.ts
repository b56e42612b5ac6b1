export { createLogListener, type LogListener, type LogListenerDeps, type LogOutcome } from './listener.js';
export { defaultLogRates, type LogRates } from './rates.js';
