import { defaultHandshakeLimits, type NbdHandshakeLimits } from '@drover/protocols/nbd';
import type { TlsOptions } from 'node:tls';

export interface NbdTlsSettings {
  /** Otherwise a client may use it or not (proto.md, SELECTIVETLS and FORCEDTLS). */
  readonly required: boolean;
  /** Certificate, key, and whether clients have to show a certificate. */
  readonly options: TlsOptions;
}

export interface NbdSettings {
  /** Where to listen; port 10809 is NBD's. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** No TLS when undefined. */
  readonly tls?: NbdTlsSettings;
  /** Answer NBD_OPT_LIST. Off: a name is what lets a client in. */
  readonly listExports: boolean;
  readonly handshake: NbdHandshakeLimits;
  /** From the connection to the first request, TLS included, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way from one address, and in all. */
  readonly handshakesPerAddress: number;
  readonly handshakes: number;
  /** Connections of one address, and in all. */
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** Longest READ or WRITE in bytes. Clients that ask for no limit expect 32 MiB. */
  readonly maxPayload: number;
  /** Of one connection, taken up and not yet answered: requests, and bytes of their payloads. */
  readonly requestsInFlight: number;
  readonly bytesInFlight: number;
  /**
   * Payloads of all connections in bytes. When they are used up a connection still may have one request of up to 1 MiB,
   * so that clients who do not read what they asked for cannot stop the others.
   */
  readonly totalBytesInFlight: number;
  /** A client that neither reads its replies nor sends the rest of its request for so long is cut off, in ms. */
  readonly stallTimeoutMs: number;
  /** TCP keep-alive begins after this silence, in ms: it finds boards that lost power. */
  readonly keepAliveMs: number;
  /** How long `stop` waits for requests under way and for clients to hang up, in ms. */
  readonly stopTimeoutMs: number;
}

/** Sensible values for a few hundred boards; `listen` has to be named. */
export const defaultNbdSettings: Omit<NbdSettings, 'listen'> = {
  listExports: false,
  handshake: defaultHandshakeLimits,
  handshakeTimeoutMs: 15_000,
  handshakesPerAddress: 16,
  handshakes: 256,
  connectionsPerAddress: 64,
  connections: 4096,
  maxPayload: 32 << 20,
  requestsInFlight: 128,
  bytesInFlight: 64 << 20,
  totalBytesInFlight: 512 << 20,
  stallTimeoutMs: 120_000,
  keepAliveMs: 60_000,
  stopTimeoutMs: 5_000,
};
