import type { TftpLimits, TftpOutcome } from '@drover/protocols/tftp';
import type { RefusedAddress } from '../udp/addresses.js';
import type { ListenerLog } from '../udp/log.js';
import type { Timers } from '../udp/timers.js';

/** A file as TFTP needs it: a size that does not change and bytes at an offset. */
export interface TftpFile {
  /** Bytes. */
  readonly size: number;
  /**
   * Two files with the same key have the same bytes for ever (a digest, say): their blocks are read and framed once
   * and shared by all transfers. Without a key a file is read for each transfer.
   */
  readonly shareKey?: string;
  /** Exactly `length` bytes at `offset`; never asked for beyond `size`. May reject: the transfer ends with ERROR 0. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A read request whose path has been checked: relative, `/`-separated, printable ASCII, no `..`. */
export interface TftpOpenRequest {
  readonly path: string;
  readonly client: TftpPeer;
  /** Address of ours the client asked; which interface, which site. */
  readonly localAddress: string;
  /** Aborted when the client is gone or the answer is too late to be used. */
  readonly signal: AbortSignal;
}

export interface TftpPeer {
  readonly address: string;
  readonly port: number;
}

/** The file, or the TFTP error to answer with: 1 not found, 2 access, 0 anything else in words. */
export type TftpOpened =
  | { readonly ok: true; readonly file: TftpFile }
  | { readonly ok: false; readonly code: 0 | 1 | 2; readonly message: string };

/** One line for each request: what was asked, what came of it. */
export interface TftpTransferEvent {
  /** The path as looked up, or as it came (at most 255 characters) when it was refused. */
  readonly path: string;
  readonly client: TftpPeer;
  readonly localAddress: string;
  readonly outcome: TftpOutcome;
  /** File size in bytes; 0 when no file was opened. */
  readonly size: number;
  /** Bytes and blocks the client acknowledged. */
  readonly bytes: number;
  readonly blocks: number;
  /** From request to end, in milliseconds. */
  readonly ms: number;
  /** What was agreed: bytes per block, blocks per window. */
  readonly blksize: number;
  readonly windowsize: number;
  /** Did the client ask for the size? */
  readonly tsize: boolean;
  /** Blocks sent more than once. */
  readonly retransmits: number;
  readonly duplicateAcks: number;
  /** Times the client sent this same request again before it acknowledged anything. */
  readonly repeats: number;
  /** False when nothing ever came back: a firewall, or a board that is deaf to ARP. */
  readonly answered: boolean;
}

export interface TftpSettings {
  /** Addresses of ours to listen on from the start, one socket each. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Answer from the listening port instead of a fresh port for each transfer (RFC 1350 section 4 wants the latter). */
  readonly singlePort: boolean;
  readonly limits: TftpLimits;
  /** Transfers at once of one client address. */
  readonly transfersPerClient: number;
  /** Transfers at once of all clients. */
  readonly transfers: number;
  /** Read requests of one client address: so many a second for long, `requestBurst` of them at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Longest wait for `open` in milliseconds. */
  readonly openTimeoutMs: number;
  /** Memory for framed blocks, in bytes. */
  readonly cacheBytes: number;
}

export interface TftpListenerDeps {
  readonly settings: TftpSettings;
  open(request: TftpOpenRequest): Promise<TftpOpened>;
  /** Told once of every request, when it is over. Must not throw. */
  onTransfer(event: TftpTransferEvent): void;
  readonly timers: Timers;
  readonly log: ListenerLog;
}

export interface TftpListener {
  /** Listens. Rejects with a `ListenError` when an address cannot be bound. `signal` stops it. */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Listens on exactly these addresses from now on; those that stay are not touched. An address that is left out takes no new requests, its running
   * transfers come to their end. Gives the addresses that could not be opened. One call at a time.
   */
  serve(addresses: readonly string[]): Promise<readonly RefusedAddress[]>;
  /** Ends running transfers with an ERROR and closes every socket. */
  stop(): Promise<void>;
  /** Where it listens, with the real port when 0 was asked for. */
  addresses(): readonly TftpPeer[];
  /** Transfers in progress. */
  active(): number;
}
