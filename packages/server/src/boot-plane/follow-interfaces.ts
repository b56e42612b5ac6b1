import type { Log, Service } from '../app/ports.js';
import type { Timers } from '../listeners/udp/timers.js';
import type { RefusedAddress } from '../listeners/udp/addresses.js';
import type { ServedAddress } from './settings.js';

/** Something that listens on addresses of ours. */
export interface AddressListener {
  /** Serves exactly these from now on, and touches nothing else. Gives those it could not open; a rejection is about all of them. */
  serve(served: readonly ServedAddress[]): Promise<readonly RefusedAddress[]>;
}

export interface Following extends Service {
  /** What is served at this moment. */
  served(): readonly ServedAddress[];
  /** What of that could not be opened at the last look. */
  refused(): readonly RefusedAddress[];
}

export interface FollowDeps {
  /** What the listeners were started with. */
  readonly first: readonly ServedAddress[];
  /** The wanted addresses that this machine has now. */
  readonly present: () => readonly ServedAddress[];
  /** In the order in which they learn of a new address. */
  readonly listeners: readonly AddressListener[];
  readonly timers: Timers;
  readonly log: Log;
  readonly everyMs?: number;
}

/** A look at the interfaces is one system call; boards ask for half a minute. */
const defaultEveryMs = 3_000;

const textOf = ({ name, address, netmask }: ServedAddress): string => `${name} ${address} ${netmask}`;

/** Addresses that came and went, by interface name, address and netmask. Pure. */
export function differences(
  before: readonly ServedAddress[],
  after: readonly ServedAddress[],
): { readonly came: readonly ServedAddress[]; readonly went: readonly ServedAddress[] } {
  const [old, now] = [new Set(before.map(textOf)), new Set(after.map(textOf))];
  return {
    came: after.filter((each) => !old.has(textOf(each))),
    went: before.filter((each) => !now.has(textOf(each))),
  };
}

/** Looks at the machine's interfaces every few seconds, and has the listeners follow: a network card may come up later, or get another address. */
export function followInterfaces(deps: FollowDeps): Following {
  const { listeners, log, timers } = deps;
  let served = deps.first;
  /** Those of them that every listener has open. */
  let working = deps.first;
  let refused: readonly RefusedAddress[] = [];
  /** Last word about what could not be opened: said once and not every few seconds. */
  let complaints = new Set<string>();
  let cancel = (): void => undefined;
  let turn: Promise<void> | undefined;
  let stopped = false;

  const serve = async (): Promise<RefusedAddress[]> => {
    const found: RefusedAddress[] = [];
    for (const listener of listeners) {
      if (stopped) break;
      const these = await listener.serve(served).catch((error: unknown) => [
        {
          address: served.map(({ address }) => address).join(', '),
          error: error instanceof Error ? error : new Error(String(error)),
        },
      ]);
      found.push(...these);
    }
    return found;
  };

  const complain = (all: readonly RefusedAddress[]): void => {
    const now = new Set(all.map(({ error }) => error.message));
    for (const { address, error } of all) {
      if (!complaints.has(error.message)) log.error({ address }, error.message);
    }
    complaints = now;
  };

  const look = async (): Promise<void> => {
    const now = deps.present();
    const { came, went } = differences(served, now);
    // What was refused may be free by now.
    if (came.length === 0 && went.length === 0 && complaints.size === 0) return;
    served = now;
    refused = await serve();
    complain(refused);
    tell(now.filter(({ address }) => !refused.some((each) => each.address === address)));
  };

  const tell = (now: readonly ServedAddress[]): void => {
    const { came, went } = differences(working, now);
    working = now;
    for (const { name, address } of went) log.info({ interface: name, address }, 'boards are no longer served here');
    for (const { name, address } of came) log.info({ interface: name, address }, 'boards are served here from now on');
  };

  return {
    served: () => served,
    refused: () => refused,
    start: async () => {
      cancel = timers.every(deps.everyMs ?? defaultEveryMs, () => {
        turn ??= look()
          .catch((error: unknown) => log.error({ err: error }, 'the network interfaces could not be followed'))
          .finally(() => (turn = undefined));
      });
    },
    stop: async () => {
      stopped = true;
      cancel();
      await turn;
    },
  };
}
