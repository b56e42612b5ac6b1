import type { Model, TimelineEntry } from '@drover/contract';
import type { BootPlan, BootTree, FileSource, OwnBootFiles, PlannedDevice } from '../../../domain/boot-plan.js';
import type { RuleWork } from '../../../domain/tftp-rules.js';
import type { StoredLease, WireIdentity } from '../ports.js';

/**
 * What the boot plane's listeners (DHCP, TFTP, HTTP) ask of the application. Nothing here throws for what a board does: every refusal is a value, and
 * every method keeps working while the control plane is away.
 */

/** A DHCP message of a board, as far as it matters to what the board gets. */
export interface DhcpSighting {
  readonly wire: WireIdentity & { readonly mac: string };
  readonly message: 'discover' | 'request' | 'inform' | 'other';
  /** False when an operating system speaks (udhcpc, dhclient): on a board we know, that is no new boot. */
  readonly firmware: boolean;
  readonly xid: number;
  /** Interface it came in on; all of those served where a broadcast does not tell. */
  readonly interface: string;
  /** giaddr, when it came through a relay. */
  readonly relay?: string;
  /** Address the client has or asks for. */
  readonly address?: string;
}

export type DhcpDecision =
  /** Say nothing at all. */
  | { readonly kind: 'ignore'; readonly reason: string }
  /** Answer. `bootFile` is for EDK2, iPXE and U-Boot only; a Pi ignores it. Null: nothing to boot for this machine. */
  | {
      readonly kind: 'answer';
      readonly device: string;
      readonly hostname: string;
      readonly model: Model;
      readonly bootable: boolean;
      /** False: it was seen and belongs to nobody. */
      readonly adopted: boolean;
      readonly bootFile: string | null;
    };

/** An entry without its time: the recorder puts it on. */
export type NewEntry = TimelineEntry extends infer E ? (E extends { at: string } ? Omit<E, 'at'> : never) : never;

export interface BootAnswers {
  /** Decides about one message of firmware and notes a DISCOVER on the board's timeline. Answers within 350 ms. */
  dhcp(sighting: DhcpSighting): Promise<DhcpDecision>;
  /** A message that needs no answer of ours: a REQUEST to another server, an operating system's DHCP. */
  heard(sighting: DhcpSighting): void;
  /** Puts an entry (an OFFER that left, a rival's OFFER) on the timeline of the board with this MAC; dropped when there is none. */
  note(mac: string, entry: NewEntry): void;
  /** Learnt on the wire: this MAC uses this address now (a lease, an ACK that was overheard). */
  learnAddress(mac: string, address: string): void;
}

/** Ends of a transfer as the timeline knows them. `probe`: the board stopped it by itself after learning the size (Early terminate). */
export interface TransferEnd {
  readonly outcome: 'complete' | 'probe' | 'aborted' | 'timed-out' | 'failed';
  /** Payload bytes that were acknowledged (TFTP) or handed to the socket (HTTP). */
  readonly bytes: number;
  readonly ms: number;
  readonly detail?: string;
  /** TFTP only. */
  readonly blockSize?: number;
  readonly windowSize?: number;
  readonly retransmits?: number;
}

/** A boot file opened for one transfer. */
export interface OpenBootFile {
  readonly size: number;
  /** Same bytes, same tag (no quotes): strong ETag of HTTP, key of shared caches. */
  readonly tag: string;
  /** Where the bytes are, for those who send whole files. */
  readonly source: FileSource;
  /**
   * `length` bytes at `offset`, fewer only at the end of the file. A view of a shared cache: never write to it. Answers at once when the bytes are at
   * hand, which is nearly always for reads in order, so callers on a hot path should test for a promise before awaiting.
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Must be called once when the transfer is over, however it ended; puts it on the timeline. */
  end(end: TransferEnd): void;
}

export interface BootFileRequest {
  /** As asked, prefix and all; anything may be in it. */
  readonly path: string;
  readonly transport: 'tftp' | 'http';
  readonly clientAddress: string;
  /** Our address the request came to: what the board is told to call. */
  readonly localAddress: string;
}

export type BootFileAnswer =
  | { readonly kind: 'file'; readonly file: OpenBootFile }
  /** TFTP: ERROR 1 at once. HTTP: 404. Already on the timeline. */
  | { readonly kind: 'absent' }
  /** TFTP: ERROR 2. HTTP: 400. The path is none we would ever serve. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface BootFiles {
  open(request: BootFileRequest): Promise<BootFileAnswer>;
}

/** Leases of `dhcp: full`, kept by the control plane; saving never waits for it. */
export interface LeaseBook {
  load(site: string): Promise<readonly StoredLease[]>;
  save(lease: StoredLease): void;
}

/** Remembers what the boot plane was told, across its restarts. */
export interface PlaneMemory {
  /** What was saved last; undefined when there is nothing or it cannot be read. */
  load(): Promise<unknown>;
  /** Replaces it whole or not at all. */
  save(state: unknown): Promise<void>;
}

/** The machine's table of neighbours (ARP), for boards that ask for a file without saying who they are. */
export interface Neighbours {
  macOf(address: string): Promise<string | undefined>;
}

export interface OwnFilesWanted {
  readonly disk: string;
  /** Of the image the device is given. */
  readonly image: BootTree;
  readonly plan: Pick<BootPlan, 'initramfs'>;
  readonly device: Pick<PlannedDevice, 'model' | 'bootPrefix'>;
}

/** What reading the boot partition of a disk came to. */
export type OwnFilesRead =
  /** All of it is as it was in the image, or the disk is not there yet. */
  | { readonly kind: 'image' }
  | {
      readonly kind: 'own';
      readonly files: OwnBootFiles;
      /** Names what was read, to be recalled. */
      readonly digest: string;
      /** Files that are copies, and their bytes. */
      readonly copies: number;
      readonly bytes: number;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly remedy?: string };

/** Reads boot files off disks, into copies of its own that go when there is no more room for them. */
export interface OwnFilesReader {
  /** As the disk is now. What is on it is nobody's word: everything that is wrong with it is a value. */
  read(wanted: OwnFilesWanted): Promise<OwnFilesRead>;
  /** What was read before; undefined when not all of its copies are there any more. */
  recall(digest: string): Promise<OwnBootFiles | undefined>;
  /** Whether the copies that a file needs are there; they are then among the last to go. True for what needs none. */
  holds(own: OwnBootFiles, source: FileSource): Promise<boolean>;
}

/** A file that a rule of TFTP brought; its size does not change. */
export interface CollectedFile {
  readonly size: number;
  /** Exactly `length` bytes at `offset`, never asked for beyond `size`. Rejects when they are not there any more. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Reasons are told to whoever asks for files: they have no path of the server in them, and no address. */
export type Collected =
  | { readonly kind: 'file'; readonly file: CollectedFile }
  | { readonly kind: 'absent' | 'failed'; readonly reason: string };

export interface CollectOptions {
  /** Bytes. */
  readonly maxSize: number;
  /** Address of whoever asks. */
  readonly client: string;
  /** The answer is not wanted any more: everything that was begun for it is ended. */
  readonly signal: AbortSignal;
}

/** Brings what a rule of TFTP names, all of it before a byte is sent. */
export interface RuleSources {
  collect(work: RuleWork, options: CollectOptions): Promise<Collected>;
}
