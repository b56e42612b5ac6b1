/** How the firmware asks for files: with the board's prefix, probing or reading, every request on record. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSink, type ByteSink } from './byte-sink.js';
import type { Clock } from './clock.js';
import type { BootFailure, ContentPolicy, FileRequest, LoadedFile, RequestPurpose, TransportName } from './types.js';

/** How one request over some transport ended. */
export interface TransportResult {
  readonly outcome: FileRequest['outcome'];
  readonly size: number;
  readonly blockSize?: number;
  readonly resent: number;
  readonly message?: string;
}

/** Fetches one file, or without a sink only learns whether it is there. */
export interface FileTransport {
  readonly name: TransportName;
  request(path: string, sink?: ByteSink): Promise<TransportResult>;
}

/** Ends the firmware stage. Thrown inside the firmware only; a board turns it into a {@link BootFailure}. */
export class FirmwareHalt extends Error {
  readonly failure: Omit<BootFailure, 'files' | 'ms'>;
  constructor(failure: Omit<BootFailure, 'files' | 'ms'>) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Milliseconds with one decimal. */
export const tenths = (ms: number): number => Math.round(ms * 10) / 10;

export interface FirmwareFiles {
  /** Directory prefix with its slash, or nothing. */
  readonly prefix: string;
  usePrefix(prefix: string): void;
  /** Opens the file and stops at the first answer. */
  probe(name: string, purpose?: RequestPurpose): Promise<boolean>;
  /** Fetches it; undefined when the server says it is not there. Text is kept whatever the content policy. */
  read(name: string, kind?: 'text' | 'binary'): Promise<LoadedFile | undefined>;
  /** Probe, then fetch: how bootcode.bin and start*.elf ask. */
  load(name: string, kind?: 'text' | 'binary'): Promise<LoadedFile | undefined>;
}

export interface FirmwareFilesOptions {
  readonly transport: FileTransport;
  readonly content: ContentPolicy;
  readonly hashes: boolean;
  readonly clock: Clock;
  /** Called with each request as it ends. */
  readonly record: (request: FileRequest) => void;
  /** Called when a read begins, so that bootcode.bin can ask a second time. */
  readonly onRead?: (path: string) => void;
  /** What a server that stays silent means to this stage. */
  readonly silence: { readonly then: 'sleep' | 'retry'; readonly retryAfterMs: number };
}

/** Names a server or config.txt may have chosen must stay below the folder they are written to. */
const localPath = (folder: string, path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return join(folder, ...parts);
};

const store = async (folder: string, path: string, bytes: Buffer): Promise<string> => {
  const file = localPath(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  return file;
};

export const createFirmwareFiles = (options: FirmwareFilesOptions): FirmwareFiles => {
  const { transport, content, hashes, clock, record } = options;
  let prefix = '';

  const halt = (path: string, result: TransportResult): never => {
    const tooLong = result.outcome === 'too-long';
    throw new FirmwareHalt({
      step: 'network',
      reason: tooLong ? 'too-long' : 'timeout',
      message: tooLong ? `${path}: ${result.message ?? 'too long'}` : `${path}: no complete answer in time`,
      shows: tooLong ? 'the transfer stops, then starts over' : 'black screen or "TFTP timeout"',
      ...options.silence,
    });
  };

  const ask = async (
    path: string,
    purpose: RequestPurpose,
    sink?: ByteSink,
  ): Promise<FileRequest & { bytes?: Buffer }> => {
    const started = clock.now();
    const result = await transport.request(path, sink);
    const finished = sink?.finish();
    const request: FileRequest = {
      path,
      transport: transport.name,
      purpose,
      ms: tenths(clock.now() - started),
      ...result,
      ...(result.outcome === 'ok' && finished?.sha256 !== undefined ? { sha256: finished.sha256 } : {}),
    };
    record(request);
    if (result.outcome === 'timeout' || result.outcome === 'too-long') halt(path, result);
    return finished?.bytes === undefined ? request : { ...request, bytes: finished.bytes };
  };

  const probe = async (name: string, purpose: RequestPurpose = 'probe'): Promise<boolean> => {
    const { outcome } = await ask(prefix + name, purpose);
    return outcome === 'terminated' || outcome === 'ok';
  };

  const read = async (name: string, kind: 'text' | 'binary' = 'binary'): Promise<LoadedFile | undefined> => {
    const path = prefix + name;
    options.onRead?.(path);
    const keep = kind === 'text' || content !== 'discard';
    const { outcome, size, sha256, bytes } = await ask(path, 'read', createSink({ keep, hash: hashes }));
    if (outcome !== 'ok') return undefined;
    const loaded = { path, size, ...(sha256 === undefined ? {} : { sha256 }) };
    if (bytes === undefined) return loaded;
    if (typeof content === 'string' || kind === 'text') return { ...loaded, bytes };
    return { ...loaded, file: await store(content.folder, path, bytes) };
  };

  return {
    get prefix() {
      return prefix;
    },
    usePrefix: (next) => {
      prefix = next;
    },
    probe,
    read,
    load: async (name, kind) => ((await probe(name)) ? read(name, kind) : undefined),
  };
};

/** The bytes of a file read as text; empty when it is absent. */
export const textOf = (file: LoadedFile | undefined): Buffer => file?.bytes ?? Buffer.alloc(0);
