import type { TftpFile } from './types.js';

/**
 * Framed DATA packets of files, shared by all transfers of the same bytes with the same block size.
 *
 * The sender's hot path is "look up a packet, send it": header and data stand together in memory already, so that a
 * datagram leaves with one buffer and nothing is allocated. A file is framed in runs of blocks; runs are dropped least
 * recently used first when the cache is full. A transfer holds on to the run it is sending, so dropping is always safe.
 */
export interface PacketCache {
  open(file: TftpFile, blksize: number): PacketSource;
  /** Bytes of framed packets held now. */
  bytes(): number;
}

/** The packets of one file for one transfer. */
export interface PacketSource {
  /** DATA packet of block `block` (from 1), or undefined when it has to be loaded first. */
  packet(block: number): Uint8Array | undefined;
  /** Reads and frames the run that holds `block`. Rejects when the file cannot be read. */
  load(block: number): Promise<void>;
}

/** A run of consecutive blocks, read at once. */
interface Run {
  readonly bytes: number;
  /** First block of the run. */
  readonly first: number;
  readonly packets: readonly Uint8Array[];
  readonly owner: FramedFile;
}

interface FramedFile {
  readonly key: string | undefined;
  readonly runs: Map<number, Run>;
  readonly loading: Map<number, Promise<Run>>;
}

const headerBytes = 4;
/** What one read brings, in bytes of the file. Large enough to make reads rare, small enough to be a short pause. */
const runBytes = 128 * 1024;

export function createPacketCache(maxBytes: number): PacketCache {
  const files = new Map<string, FramedFile>();
  /** Insertion order is order of use: a run is taken out and put back when a transfer enters it. */
  const used = new Set<Run>();
  let bytes = 0;

  const forget = (run: Run): void => {
    used.delete(run);
    bytes -= run.bytes;
    const { owner } = run;
    owner.runs.delete(run.first);
    dropIfEmpty(owner);
  };

  const keep = (run: Run): void => {
    run.owner.runs.set(run.first, run);
    used.add(run);
    bytes += run.bytes;
    for (const oldest of used) {
      if (bytes <= maxBytes || oldest === run) break;
      forget(oldest);
    }
  };

  /** Looked up each time a run is entered: an entry goes with its last run, and must not be kept alive as a ghost. */
  const ownerOf = (key: string): FramedFile => {
    const known = files.get(key);
    if (known) return known;
    const fresh: FramedFile = { key, runs: new Map(), loading: new Map() };
    files.set(key, fresh);
    return fresh;
  };

  const dropIfEmpty = (owner: FramedFile): void => {
    if (owner.key !== undefined && owner.runs.size === 0 && owner.loading.size === 0) files.delete(owner.key);
  };

  const loadRun = (owner: FramedFile, file: TftpFile, blksize: number, first: number, blocks: number): Promise<Run> => {
    const pending = owner.loading.get(first);
    if (pending) return pending;
    const loading = readRun(owner, file, blksize, first, blocks).then(
      (run) => {
        owner.loading.delete(first);
        keep(run);
        return run;
      },
      (error: unknown) => {
        owner.loading.delete(first);
        dropIfEmpty(owner);
        throw error;
      },
    );
    owner.loading.set(first, loading);
    return loading;
  };

  return {
    bytes: () => bytes,
    open(file, blksize) {
      const alone: FramedFile = { key: undefined, runs: new Map(), loading: new Map() };
      const key = file.shareKey === undefined ? undefined : `${file.shareKey} ${file.size} ${blksize}`;
      return new Source(Math.floor(file.size / blksize) + 1, blksize, {
        find: (first) => {
          const run = (key === undefined ? alone : files.get(key))?.runs.get(first);
          if (run && used.delete(run)) used.add(run);
          return run;
        },
        read: (first, blocks) => loadRun(key === undefined ? alone : ownerOf(key), file, blksize, first, blocks),
      });
    },
  };
}

/** What a source needs of the cache, by the first block of a run. */
interface Runs {
  find(first: number): Run | undefined;
  read(first: number, blocks: number): Promise<Run>;
}

class Source implements PacketSource {
  private current: readonly Uint8Array[] = [];
  private currentFirst = 1;
  private readonly perRun: number;
  private readonly blockCount: number;
  private readonly runs: Runs;

  constructor(blockCount: number, blksize: number, runs: Runs) {
    this.blockCount = blockCount;
    this.runs = runs;
    this.perRun = Math.max(1, Math.floor(runBytes / blksize));
  }

  packet(block: number): Uint8Array | undefined {
    const index = block - this.currentFirst;
    if (index >= 0 && index < this.current.length) return this.current[index];
    return this.enter(block);
  }

  /** A transfer moves from run to run once in many packets; here is where the cost of it belongs. */
  private enter(block: number): Uint8Array | undefined {
    const first = this.firstOfRun(block);
    const run = this.runs.find(first);
    if (!run) return undefined;
    this.use(run);
    return this.current[block - first];
  }

  async load(block: number): Promise<void> {
    this.use(await this.fetch(this.firstOfRun(block)));
  }

  private use(run: Run): void {
    this.current = run.packets;
    this.currentFirst = run.first;
    // Read ahead, so that the client's next blocks are there when it asks. A failure shows when they are needed.
    const next = run.first + this.perRun;
    if (next <= this.blockCount && !this.runs.find(next)) this.fetch(next).catch(() => undefined);
  }

  private fetch(first: number): Promise<Run> {
    const known = this.runs.find(first);
    return known ? Promise.resolve(known) : this.runs.read(first, Math.min(this.perRun, this.blockCount - first + 1));
  }

  private firstOfRun(block: number): number {
    return block - ((block - 1) % this.perRun);
  }
}

/** Reads a run and puts a DATA header in front of every block of it. */
async function readRun(
  owner: FramedFile,
  file: TftpFile,
  blksize: number,
  first: number,
  blocks: number,
): Promise<Run> {
  const offset = (first - 1) * blksize;
  const length = Math.min(blocks * blksize, file.size - offset);
  const data = length > 0 ? await file.read(offset, length) : new Uint8Array(0);
  if (data.length !== length) throw new Error(`read ${data.length} bytes at ${offset} where ${length} were asked for`);
  // Not from Node's pool: a run would keep 8 KB neighbours alive, and they it.
  const framed = Buffer.allocUnsafeSlow(length + blocks * headerBytes);
  const packets: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < blocks; i += 1) {
    const size = Math.min(blksize, length - i * blksize);
    framed.writeUInt32BE(0x0003_0000 + ((first + i) & 0xffff), at);
    framed.set(data.subarray(i * blksize, i * blksize + size), at + headerBytes);
    packets.push(framed.subarray(at, at + headerBytes + size));
    at += headerBytes + size;
  }
  return { owner, first, packets, bytes: framed.length };
}
