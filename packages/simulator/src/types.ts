/** The exported vocabulary of the simulator: how a board is described, what it does, what comes out. */
import type { BoardIdentity } from './identity.js';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

/** How the board reaches its servers. */
export type BoardNetwork = BroadcastNetwork | RelayNetwork | StaticNetwork;

/** Real broadcasts on an interface, usually in a network namespace (`ip netns exec NAME node ...`). */
export interface BroadcastNetwork {
  readonly mode: 'broadcast';
  /** Interface name; needed when `configureInterface` is set. */
  readonly interface?: string;
  /**
   * Give the interface the board's MAC, put the leased address on it, take it away when the firmware ends. Needs root and the `ip` program. Without it
   * the interface must have an address and the namespace a default route already, and the board sets the broadcast flag because the host would drop a unicast OFFER.
   */
  readonly configureInterface?: boolean;
  /** Leave the link up when the firmware ends; needed when the interface is a bridge a guest's tap is on. Otherwise a guest may take the MAC. */
  readonly keepLink?: boolean;
  /**
   * An address of this host: DHCP leaves by the interface that has it. Without it the default route says where broadcasts go. Not with
   * `configureInterface`, where the board has no address yet.
   */
  readonly sourceAddress?: string;
  /**
   * Interface that gets the leased address beside its own, for as long as the board runs, and a quarter of an hour at most. Needs root and the `ip`
   * program. Without it, and without `configureInterface`, the board speaks from this host's address.
   */
  readonly aliasInterface?: string;
  /** Port DHCP servers listen on; 67. */
  readonly dhcpPort?: number;
  /** The board's own DHCP port; 68. */
  readonly clientPort?: number;
  readonly tftpPort?: number;
  readonly httpPort?: number;
}

/** A board with an address of its own (127.0.0.0/8) that acts as if a DHCP relay stood before it: no root right, thousands in one process. */
export interface RelayNetwork {
  readonly mode: 'relay';
  /** The board's address; also giaddr of its DISCOVER, and the lease it takes. */
  readonly address: string;
  /** Where DISCOVERs are sent. */
  readonly server: string;
  readonly dhcpPort?: number;
  /** Port the relayed answers come back to; the DHCP server's own port, as for a real relay. */
  readonly relayPort?: number;
  readonly tftpPort?: number;
  readonly httpPort?: number;
}

/** Address and server known beforehand: CLIENT_IP and TFTP_IP in an EEPROM. DHCP is skipped. */
export interface StaticNetwork {
  readonly mode: 'static';
  readonly address: string;
  readonly server: string;
  readonly tftpPort?: number;
  readonly httpPort?: number;
}

/** EEPROM settings of Pi 4 and later, under the vendor's names (times in milliseconds of board time). */
export interface EepromSettings {
  /** Release date of the bootloader, `YYYY-MM-DD`; decides block size, duplicate ACKs and the block counter's end. */
  readonly date: string;
  readonly DHCP_TIMEOUT: number;
  readonly DHCP_REQ_TIMEOUT: number;
  readonly TFTP_FILE_TIMEOUT: number;
  /** Overrides the TFTP server found by DHCP. */
  readonly TFTP_IP: string;
  readonly TFTP_PREFIX: 0 | 1 | 2;
  readonly TFTP_PREFIX_STR: string;
  readonly PXE_OPTION43: string;
  /** Undefined: FourCC form. 0: the serial number four times. Else a custom 32-bit prefix. */
  readonly DHCP_OPTION97: number | undefined;
  readonly NET_BOOT_MAX_RETRIES: number;
  readonly ENABLE_SELF_UPDATE: 0 | 1;
  /** Unix seconds of the installed EEPROM update; a pieeprom.sig with a newer `ts:` is flashed. */
  readonly updateTimestamp: number;
  readonly HTTP_HOST: string;
  readonly HTTP_PORT: number;
  readonly HTTP_PATH: string;
  /** Network boot (nibble 2) or HTTP boot (nibble 7). */
  readonly bootMode: 'network' | 'http';
  /** PEM public key against which boot.sig is checked; without one the signature line is not looked at. */
  readonly publicKey: string | undefined;
}

/** Peculiarities that exist on some boards of a kind, so they can be switched. */
export interface Quirks {
  /** Chance that bootcode.bin sends a request a second time from another port 5 to 9 ms later (fw#1700). */
  readonly duplicateRequests: number;
  /** The 3B's mask ROM needs three spaces after "Raspberry Pi Boot" in the menu; some captures show boards that do not. */
  readonly romNeedsSpaces: boolean;
  /** A 3B's mask ROM answered sooner than this after its DISCOVER is stuck until the next one; 0 is a lucky board (fw#934). */
  readonly romDeafMs: number;
  /** FourCC as captured (`4iPR`) or in plain order (`RPi4`). */
  readonly fourccOrder: 'reversed' | 'plain';
  /** Early Pi 4 firmware left option 60 out of its REQUEST (ee#82). */
  readonly requestWithoutVendorClass: boolean;
  /** Later silicon of a Pi 5 asks for its own device tree first. */
  readonly d0: boolean;
}

/** Where the bytes of what is fetched go: kept in memory, thrown away after hashing, or written below a folder. Text files are always kept. */
export type ContentPolicy = 'memory' | 'discard' | { readonly folder: string };

export interface BoardOptions {
  readonly identity: BoardIdentity;
  readonly network: BoardNetwork;
  readonly eeprom?: Partial<EepromSettings>;
  readonly quirks?: Partial<Quirks>;
  readonly content?: ContentPolicy;
  /** Compute sha256 of each file; true. */
  readonly hashes?: boolean;
  /** Boot files over TFTP as firmware does, or over `GET /netboot/<prefix>/<file>` with the same flow. */
  readonly transport?: 'tftp' | 'http';
  readonly clock?: Clock;
  /** Shorthand for a clock: 0.05 runs the firmware's waits twenty times faster. */
  readonly clockScale?: number;
  /** Seeded from the serial number when absent. */
  readonly random?: Random;
  /** The one-shot flag of `reboot "0 tryboot"`: tryboot.txt is read instead of config.txt. */
  readonly tryboot?: boolean;
  readonly onStep?: (step: BoardStep) => void;
}

export type TransportName = 'tftp' | 'http' | 'ramdisk' | 'card';

export type RequestPurpose = 'probe' | 'read' | 'duplicate';

/**
 * How a request ended. `terminated`: the board itself stopped it with ERROR 0, having learnt that the file is there. `too-long`: the block
 * counter of an old bootloader ended. `timeout`: the per-file clock ran out.
 */
export type RequestOutcome = 'ok' | 'terminated' | 'not-found' | 'refused' | 'timeout' | 'too-long' | 'aborted';

/** One request of one file. */
export interface FileRequest {
  /** As asked, prefix and all. */
  readonly path: string;
  /** `ramdisk`: out of a boot.img fetched before, `card`: off a card; nothing went over the network. */
  readonly transport: TransportName;
  readonly purpose: RequestPurpose;
  readonly outcome: RequestOutcome;
  /** Bytes received; for a probe the size the server announced, if it did. */
  readonly size: number;
  readonly ms: number;
  readonly sha256?: string;
  /** Block size in force (TFTP). */
  readonly blockSize?: number;
  /** Packets sent again because nothing came. */
  readonly resent: number;
  /** The server's own words, when it refused. */
  readonly message?: string;
}

/** A file the firmware keeps. `bytes` unless the content policy threw them away or wrote them to `file`. */
export interface LoadedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256?: string;
  readonly bytes?: Buffer;
  readonly file?: string;
}

/** What the firmware starts: everything the ARM cores are given. */
export interface BootImage {
  readonly identity: BoardIdentity;
  /** The board's address while it loaded this. */
  readonly address: string;
  readonly server: string;
  /** Directory prefix in use, with its slash; empty when it was dropped. */
  readonly prefix: string;
  readonly kernel: LoadedFile;
  readonly arm64: boolean;
  /** The files of the initramfs, in order; in memory they are laid one after the other, each start rounded up to four bytes. */
  readonly initramfs: readonly LoadedFile[];
  readonly dtb?: LoadedFile;
  readonly overlays: readonly LoadedFile[];
  /** First line of cmdline.txt, as served. */
  readonly cmdline: string;
  /** What the kernel gets: the firmware's own parameters, then the line with `serial0` resolved. */
  readonly bootargs: string;
  /** Settings of config.txt that applied to this board, in order. */
  readonly config: readonly ConfigEntry[];
  readonly files: readonly FileRequest[];
  readonly ms: number;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
}

export type FailureStep =
  | 'dhcp'
  | 'bootcode'
  | 'bootloader'
  | 'config'
  | 'boot-image'
  | 'cmdline'
  | 'device-tree'
  | 'kernel'
  | 'initramfs'
  | 'network';

/** Why the firmware stage ended without a kernel. */
export interface BootFailure {
  readonly step: FailureStep;
  /** Short stable word for tests and counters, such as `no-address` or `not-found`. */
  readonly reason: string;
  readonly message: string;
  /** What a person in front of the board would see. */
  readonly shows: string;
  /** `sleep`: nothing more until a power cycle. `retry`: the firmware starts over by itself after `retryAfterMs` of board time. */
  readonly then: 'sleep' | 'retry';
  readonly retryAfterMs: number;
  readonly files: readonly FileRequest[];
  readonly ms: number;
}

export type BootResult =
  { readonly ok: true; readonly image: BootImage } | { readonly ok: false; readonly failure: BootFailure };

/** What a board does, as it does it. `at` is milliseconds since power-on. */
export type BoardStep = { readonly at: number; readonly serial: string } & BoardEvent;

export type BoardEvent =
  | { readonly type: 'power-on'; readonly model: string; readonly mac: string; readonly boot: number }
  | { readonly type: 'dhcp-discover'; readonly client: DhcpKind; readonly attempt: number; readonly xid: number }
  | {
      readonly type: 'dhcp-offer';
      readonly from: string;
      readonly address: string;
      readonly menu: boolean;
      readonly verdict: string;
    }
  | { readonly type: 'dhcp-ack'; readonly from: string; readonly address: string }
  | { readonly type: 'network'; readonly address: string; readonly server: string }
  | { readonly type: 'file'; readonly request: FileRequest }
  | { readonly type: 'prefix-dropped'; readonly prefix: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'eeprom-update'; readonly timestamp: number; readonly sha256: string }
  | {
      readonly type: 'loaded';
      readonly kernel: string;
      readonly initramfs: readonly string[];
      readonly dtb: string;
      readonly cmdline: string;
    }
  | {
      readonly type: 'failed';
      readonly step: FailureStep;
      readonly reason: string;
      readonly message: string;
      readonly shows: string;
    }
  | { readonly type: 'os'; readonly name: string; readonly message: string }
  | { readonly type: 'up'; readonly message: string }
  | { readonly type: 'os-failed'; readonly reason: string; readonly message: string }
  | { readonly type: 'qemu-start'; readonly command: readonly string[] }
  | { readonly type: 'console'; readonly line: string }
  | { readonly type: 'qemu-exit'; readonly code: number | null; readonly signal: string | null; readonly ms: number };

/** Which of the three DHCP clients is speaking. */
export type DhcpKind = 'rom' | 'rom-fixed' | 'bc' | 'ee';

/** A board: power it on and it boots once. */
export interface Board {
  readonly identity: BoardIdentity;
  /**
   * One run of the firmware stage, from power-on to a kernel in memory or a failure. What can go wrong on a network is a value; an abort of the
   * signal, a bad option or a host fault (address not available, no right to bind) is thrown.
   */
  boot(options?: { readonly signal?: AbortSignal; readonly tryboot?: boolean }): Promise<BootResult>;
  /** Gives a configured interface back: the firmware is over, the operating system brings its own network. Does nothing otherwise. */
  release(): Promise<void>;
}
