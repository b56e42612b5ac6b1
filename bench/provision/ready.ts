import type { Client } from '@drover/sdk';

/** Devices that become usable, as the event log of the server tells it: nothing is asked while the server works. */
export interface ReadyDevices {
  /** Resolves when the device may boot, rejects when it has failed. */
  of(device: string): Promise<void>;
  stop(): Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Resolves when events are being followed: those of before are not told. */
export async function followReady(client: Client): Promise<ReadyDevices> {
  const waiting = new Map<string, Waiter>();
  const stop = new AbortController();
  let isOpen: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (isOpen = resolve));
  const onConnection = (state: 'open' | 'lost'): void => (state === 'open' ? isOpen() : undefined);

  const follow = async (): Promise<void> => {
    for await (const { data } of client.follow('listEvents', {}, { signal: stop.signal, onConnection })) {
      const waiter = waiting.get(data.subject);
      if (data.type === 'device.ready') waiter?.resolve();
      if (data.type === 'device.failed') waiter?.reject(new Error(`${data.subject} has failed`));
    }
  };
  const following = follow().catch((error: unknown) => {
    if (stop.signal.aborted) return;
    for (const { reject } of waiting.values()) reject(new Error('the event log cannot be followed', { cause: error }));
  });

  await Promise.race([opened, following]);
  return {
    of: (device) => new Promise((resolve, reject) => waiting.set(device, { resolve, reject })),
    stop: async () => {
      stop.abort();
      await following;
    },
  };
}
