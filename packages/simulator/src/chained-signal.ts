import { setMaxListeners } from 'node:events';

/** Ends one boot's own signal with the caller's, so that a fleet's signal does not gather a listener per packet. */
export const chained = (
  signal: AbortSignal | undefined,
): { readonly signal: AbortSignal; readonly unchain: () => void } => {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return { signal: controller.signal, unchain: () => signal?.removeEventListener('abort', onAbort) };
};
