import type { DhcpEvent } from '../listeners/dhcp/index.js';
import type { RefusedAddress } from '../listeners/udp/addresses.js';
import type { ServedAddress } from './settings.js';

/** Another server's answer with boot options, the last one heard of that server. */
export interface HeardRival {
  readonly server: string;
  readonly options: readonly number[];
  readonly tftpServer: string | null;
  readonly bootFile: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What the boot plane knows of its network, for the network doctor in the control plane. Plain data: it travels between the planes as JSON. */
export interface NetworkState {
  readonly served: readonly ServedAddress[];
  /** What it wants to serve and cannot. */
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
  readonly rivals: readonly HeardRival[];
}

type OtherServer = Extract<DhcpEvent, { kind: 'other-server' }>;

export interface NetworkWatch {
  /** Another server answered somebody. */
  readonly heard: (event: OtherServer) => void;
  read(served: readonly ServedAddress[], refused: readonly RefusedAddress[]): NetworkState;
}

/** A router that was mended is forgotten after so long. */
const rememberMs = 10 * 60_000;
/** Whoever makes up servers makes us forget the oldest of them. */
const mostRivals = 32;

export function createNetworkWatch(now: () => number): NetworkWatch {
  const rivals = new Map<string, HeardRival>();
  return {
    heard: ({ server, conflicts, options, tftpServer, bootFile }) => {
      if (!conflicts) return;
      rivals.delete(server);
      rivals.set(server, {
        ...{ server, options: [...options], at: now() },
        ...{ tftpServer: tftpServer ?? null, bootFile: bootFile ?? null },
      });
      const [oldest] = rivals.keys();
      if (rivals.size > mostRivals && oldest !== undefined) rivals.delete(oldest);
    },
    read: (served, refused) => {
      for (const [server, { at }] of rivals) if (now() - at > rememberMs) rivals.delete(server);
      return {
        served,
        refused: refused.map(({ address, error }) => ({ address, reason: error.message })),
        rivals: [...rivals.values()],
      };
    },
  };
}
