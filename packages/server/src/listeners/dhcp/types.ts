import type { ClientKind, Lease, LeaseSettings, MessageTypeName, Recognised } from '@drover/protocols/dhcp';
import type { RefusedAddress } from '../udp/addresses.js';
import type { ListenerLog } from '../udp/log.js';
import type { Timers } from '../udp/timers.js';

/** Which port a message came to: the DHCP server port, or PXE's own (4011), where boot clients ask for their file. */
export type DhcpDoor = 'dhcp' | 'pxe';

/** A message of a client. Nothing in it is to be trusted: anyone on the segment can send any of it. */
export interface DhcpObservation {
  readonly client: Recognised;
  readonly type: MessageTypeName;
  readonly door: DhcpDoor;
  readonly xid: number;
  /** Address of ours it was sent to; undefined for a broadcast, which names none. */
  readonly localAddress?: string;
  /** The relay it came through. */
  readonly relay?: string;
  /** The address the client has or asks for. */
  readonly address?: string;
  /** The DHCP server it has chosen (option 54 of a REQUEST). */
  readonly chosenServer?: string;
  readonly hostname?: string;
}

/** Whether a boot client may boot from us. */
export type DhcpDecision =
  | { readonly answer: false; readonly why: string }
  | {
      readonly answer: true;
      /** For UEFI, iPXE and U-Boot: path on the boot server. Raspberry Pi firmware asks for its own names. */
      readonly bootFile?: string;
      /** TFTP server, a dotted quad; by default the address of ours on the client's interface. */
      readonly bootServer?: string;
      /** Instead of the delay of the settings. */
      readonly delayMs?: number;
    };

/** What goes over the wire, for boot timelines and verdicts. */
export type DhcpEvent =
  | { readonly kind: 'request'; readonly observation: DhcpObservation }
  | {
      readonly kind: 'answer';
      readonly client: Recognised;
      readonly type: 'offer' | 'ack' | 'nak';
      readonly door: DhcpDoor;
      readonly xid: number;
      /** Our address, as the client reads it in option 54. One event for each interface we answered on. */
      readonly server: string;
      /** The address given, in full mode. */
      readonly address?: string;
      readonly bootFile?: string;
      /** From the request to this answer, in milliseconds. */
      readonly ms: number;
    }
  | { readonly kind: 'ignored'; readonly observation: DhcpObservation; readonly why: string }
  | {
      /** Another server's OFFER or ACK. `conflicts`: it carries options 43, 60, 66 or 67, which lead boards astray. */
      readonly kind: 'other-server';
      readonly server: string;
      readonly type: 'offer' | 'ack';
      readonly mac: string;
      readonly xid: number;
      readonly address: string;
      readonly conflicts: boolean;
      /** The option codes at fault. */
      readonly options: readonly number[];
      readonly tftpServer?: string;
      readonly bootFile?: string;
    };

/** Full mode hands out addresses; our own address there is that of the interface. */
export type DhcpPoolSettings = Omit<LeaseSettings, 'server'>;

export interface DhcpSettings {
  /** `proxy` beside an existing DHCP server, `full` on a segment without one, `off`. */
  readonly mode: 'proxy' | 'full' | 'off';
  /** Names of interfaces, or IPv4 addresses of ours, to begin with. */
  readonly interfaces: readonly string[];
  readonly ports: { readonly server: number; readonly client: number; readonly pxe: number };
  /**
   * Requests that come through a relay need a unicast socket on the server port, which would take the renewals of another
   * DHCP server on this host. `on` answers the relay's server port, `source-port` the port it sent from.
   */
  readonly relay: 'off' | 'on' | 'source-port';
  /** Milliseconds between a DISCOVER and our OFFER; 0 for a kind that is not named. */
  readonly delaysMs: Readonly<Partial<Record<ClientKind, number>>>;
  /** Longest wait for `decide`, in milliseconds; then the client is left alone. */
  readonly decideTimeoutMs: number;
  /** Requests being decided or delayed at once; above that they are dropped, clients ask again. */
  readonly pending: number;
  /** Manufacturer blocks of Raspberry Pi hardware addresses, `b8:27:eb`. */
  readonly ouis: readonly string[];
  /** Needed in mode `full`. */
  readonly pool?: DhcpPoolSettings;
}

/** Keeps leases across restarts. */
export interface LeaseStore {
  load(): Promise<readonly Lease[]>;
  save(lease: Lease): Promise<void>;
}

export interface DhcpListenerDeps {
  readonly settings: DhcpSettings;
  /** Asked about each boot client; may take its time, other packets do not wait for it. */
  decide(observation: DhcpObservation): Promise<DhcpDecision>;
  /** Told of everything seen and sent. Must not throw. */
  observe(event: DhcpEvent): void;
  readonly timers: Timers;
  /** Wall clock, seconds since 1970: leases outlive the process. */
  epochSeconds(): number;
  readonly log: ListenerLog;
  /** Needed in mode `full`. */
  readonly leases?: LeaseStore;
}

export interface DhcpListener {
  /** Opens its sockets. Rejects with a `ListenError` that names the remedy. `signal` stops it. */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Answers from exactly these addresses from now on; those that stay are not touched. Gives the addresses that could not be opened. One call at a
   * time. Mode `full` has one segment and its leases, so it stays with the interface it began with and ignores this.
   */
  serve(interfaces: readonly { readonly name: string; readonly address: string }[]): Promise<readonly RefusedAddress[]>;
  stop(): Promise<void>;
  /** The interfaces it serves, with the address it answers from. */
  addresses(): readonly { readonly name: string; readonly address: string }[];
}
