import type { Log } from '../app/ports.js';
import type { Settings } from '../config.js';
import type { NetworkState } from '../boot-plane/network-state.js';
import { createChild, type Child } from './child.js';
import type { FromPlane, Plane } from './messages.js';

/** Where the planes listen, once both do. */
export interface Ready {
  readonly api: readonly string[];
  readonly boot: readonly string[];
}

export interface SupervisorDeps {
  readonly log: Log;
  readonly version: string;
  readonly stopLimitMs: number;
  readonly onFirstKey: (key: string, file: string) => void;
}

/** Starts both planes, keeps each of them up without touching the other, and passes on what one must know of the other. */
export interface Supervisor {
  /** Resolves when both planes serve; rejects when one says it cannot. */
  start(settings: Settings): Promise<Ready>;
  restart(plane: Plane, settings: Settings): Promise<void>;
  stop(): Promise<void>;
}

/** A plane cannot start; the message is for people and says what to do. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}

export const createSupervisor = ({ log, version, stopLimitMs, onFirstKey }: SupervisorDeps): Supervisor => {
  /** Told again to a control plane that was not there yet. */
  let network: NetworkState | undefined;
  const urls: Partial<Record<Plane, readonly string[]>> = {};
  let settle: { resolve(ready: Ready): void; reject(error: Error): void } | undefined;

  const tellPeers = (): void => {
    for (const [plane, other] of pairs) children[plane].send({ type: 'peer', ready: children[other].isReady() });
    if (network !== undefined) children.control.send({ type: 'network', network });
  };

  const received = (plane: Plane, message: FromPlane): void => {
    switch (message.type) {
      case 'ready':
        urls[plane] = message.urls;
        tellPeers();
        if (urls.control !== undefined && urls.boot !== undefined) {
          settle?.resolve({ api: urls.control, boot: urls.boot });
          settle = undefined;
        }
        return;
      case 'failed':
        log.error({ plane }, message.message);
        settle?.reject(new StartError(message.message));
        settle = undefined;
        return;
      case 'first-key':
        onFirstKey(message.key, message.file);
        return;
      case 'counters':
        children.control.send({ type: 'counters', counters: message.counters });
        return;
      case 'network':
        ({ network } = message);
        children.control.send(message);
        return;
      case 'loaded':
        return;
    }
  };

  const childOf = (plane: Plane): Child =>
    createChild({
      plane,
      log,
      version,
      onMessage: (message) => {
        received(plane, message);
      },
      onDown: tellPeers,
    });
  const children: Record<Plane, Child> = { control: childOf('control'), boot: childOf('boot') };
  const pairs: readonly (readonly [Plane, Plane])[] = [
    ['control', 'boot'],
    ['boot', 'control'],
  ];

  return {
    start: (settings) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        children.control.start(settings);
        children.boot.start(settings);
      }),
    restart: async (plane, settings) => {
      log.info({ plane }, `restarting the ${plane} plane`);
      await children[plane].restart(settings, stopLimitMs);
    },
    // The boot plane first: its last telemetry still reaches the control plane.
    stop: async () => {
      await children.boot.stop(stopLimitMs);
      await children.control.stop(stopLimitMs);
    },
  };
};
