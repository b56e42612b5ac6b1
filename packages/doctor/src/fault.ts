import type { Observation, ObservationKind, Severity } from '@drover/contract';

export type Seen<K extends ObservationKind> = Extract<Observation, { kind: K }>;

/** Everything that was seen, as the table asks for it. */
export interface Case {
  of<K extends ObservationKind>(kind: K): readonly Seen<K>[];
  /** The server about itself, its last word; undefined where nobody could ask it. */
  readonly server: Seen<'server'> | undefined;
  /** Whether this address is Drover's, as far as is known. */
  readonly isOurs: (address: string) => boolean;
  /** It was looked from the very machine Drover runs on. */
  readonly onServer: boolean;
}

/** A fault that is there. What is left out is the row's. */
export interface Found {
  readonly message: string;
  /** What it is concluded from. */
  readonly from: readonly Observation[];
  readonly severity?: Severity;
  readonly remedy?: string;
  /** A boot's own verdict says which. */
  readonly fault?: string;
}

/** One row of the table. `find` gives one entry for each time the fault is there. */
export interface Fault {
  /** Stable; the same as a boot session's verdict has for the same fault. */
  readonly id: string;
  /** Number in the catalogue of faults (docs/troubleshooting.md); null for one of ours. */
  readonly number: number | null;
  readonly severity: Severity;
  readonly find: (it: Case) => readonly Found[];
  readonly remedy: string;
}

const isLoopback = (host: string): boolean => host === 'localhost' || host.startsWith('127.') || host === '[::1]';

const hostOf = (url: string): string => /^https?:\/\/(\[[^\]]*\]|[^/:]+)/.exec(url)?.[1] ?? '';

export const caseOf = (observations: readonly Observation[]): Case => {
  const of = <K extends ObservationKind>(kind: K): readonly Seen<K>[] =>
    observations.filter((each): each is Seen<K> => each.kind === kind);
  const server = of('server').at(-1);
  const own = of('host').flatMap(({ addresses }) => addresses);
  const asked = of('http').map(({ url }) => hostOf(url));
  const told = [...(server?.interfaces ?? []), ...(server?.unserved ?? [])].map(({ address }) => address);
  // A loopback address that answers may be a tunnel's end: a server that tells its addresses knows better.
  const onServer = server === undefined ? asked.some(isLoopback) : own.some((address) => told.includes(address));
  const known = new Set([
    ...told,
    ...(server?.serverAddress == null ? [] : [server.serverAddress]),
    ...asked.filter((host) => !isLoopback(host)),
    ...(onServer ? own : []),
  ]);
  // Nobody to ask: who hands out a boot menu and no address does what Drover does.
  if (known.size === 0) {
    const proxy = of('dhcp.offer').find(({ menu, address }) => menu && address === null);
    if (proxy !== undefined) known.add(proxy.server);
  }
  return {
    of,
    server,
    isOurs: (address) => known.has(address),
    onServer,
  };
};
