import { RefusedError } from '@drover/contract';
import type { DiskView } from '@drover/disk-image';
import type { OwnFilesRead, OwnFilesReader, OwnFilesWanted } from '../../app/boot/plane/ports.js';
import type { FileSource, OwnBootFiles } from '../../domain/boot-plan.js';
import type { Copies } from './copies.js';
import { isUntouched, ownDisk, type OwnDisk } from './own-disk.js';
import type { OwnFilesLimits } from './read-own-files.js';
import { answer, type FromThread, type Port, type ThreadInput, type ToThread, type Used } from './thread.js';

/** A disk somebody holds. */
export interface HeldView {
  readonly disk: DiskView;
  readonly base: string | null;
}

/** A thread that runs {@link readOwnFiles}. */
export interface ReadingThread extends Port<FromThread, ToThread> {
  on(event: 'message', listener: (message: FromThread) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

export interface ReaderDeps {
  readonly copies: Copies;
  /** Holds a disk as long as the work takes. Throws RefusedError. */
  readonly useDisk: <T>(disk: string, work: (held: HeldView) => Promise<T>) => Promise<T>;
  readonly startThread: (input: ThreadInput) => ReadingThread;
  /** Lets so many disks be read at once. */
  readonly gate: { run<T>(work: () => Promise<T>): Promise<T> };
  readonly limits: OwnFilesLimits;
  /** Returns a function that undoes it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** How long the files may take, and the modules of a new kernel behind them, in ms. */
  readonly patience: { readonly files: number; readonly modules: number };
}

interface Outcome {
  readonly result: OwnFilesRead;
  readonly used: Used;
}

/** {@link OwnFilesReader} over disks of this server. */
export function createOwnFilesReader(deps: ReaderDeps): OwnFilesReader {
  const { copies, gate } = deps;
  let running = 0;

  const readOnThread = async (wanted: OwnFilesWanted, disk: OwnDisk, base: string | null): Promise<OwnFilesRead> => {
    const input = { wanted, base, diskSize: disk.size, folder: copies.folder, limits: deps.limits };
    running += 1;
    let isFinished = false;
    try {
      const outcome = await runThread(deps, input, disk);
      await copies.note(outcome.used);
      isFinished = outcome.finished;
      return outcome.result;
    } finally {
      running -= 1;
      if (!isFinished) await copies.rescan({ dropUnfinished: running === 0 });
    }
  };

  const read = async (wanted: OwnFilesWanted): Promise<OwnFilesRead> => {
    try {
      return await deps.useDisk(wanted.disk, async ({ disk: view, base }) => {
        const disk = ownDisk(view);
        if (await isUntouched(disk, base, wanted.image)) return { kind: 'image' };
        return gate.run(() => readOnThread(wanted, disk, base));
      });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const { code, detail, remedy } = error.refusal;
      // It is still being made: there is nothing of its own on it.
      if (code === 'disk.not-found') return { kind: 'image' };
      return { kind: 'unreadable', reason: detail.replace(/\.$/, ''), ...(remedy === undefined ? {} : { remedy }) };
    }
  };

  return {
    read,
    recall: async (digest) => {
      if (!copies.has(digest) || !(await copies.use([digest]))) return undefined;
      const bytes = await copies.readAll(digest);
      if (bytes === undefined) return undefined;
      const files = JSON.parse(Buffer.from(bytes).toString('utf8')) as OwnBootFiles;
      return (await copies.use(copiesOf(files))) ? files : undefined;
    },
    holds: async (own, source) => copies.use(neededBy(own, source)),
  };
}

const known = new WeakMap<OwnBootFiles, ReadonlySet<string>>();

/** Digests of all copies among the files. */
function copiesOf(own: OwnBootFiles): ReadonlySet<string> {
  const before = known.get(own);
  if (before !== undefined) return before;
  const digests = new Set([
    ...own.tree.files.flatMap(({ blob }) => blob ?? []),
    ...own.initramfs.map(({ blob }) => blob),
  ]);
  known.set(own, digests);
  return digests;
}

const neededBy = (own: OwnBootFiles, source: FileSource): string[] => {
  const all = copiesOf(own);
  if (all.size === 0) return [];
  return source.segments.flatMap((segment) => ('blob' in segment && all.has(segment.blob) ? segment.blob : []));
};

/** `finished`: it has said all it had to say, so nothing is left half done. */
function runThread(deps: ReaderDeps, input: ThreadInput, disk: OwnDisk): Promise<Outcome & { finished: boolean }> {
  const thread = deps.startThread(input);
  return new Promise((resolve, reject) => {
    let soFar: Outcome | undefined;
    let isOver = false;
    let stopClock = deps.after(deps.patience.files, () => late());
    const end = (outcome: Outcome & { finished: boolean }): void => {
      if (isOver) return;
      isOver = true;
      stopClock();
      // Not before it is gone: it may be writing.
      thread.terminate().then(() => resolve(outcome), reject);
    };
    const late = (): void =>
      end({
        ...(soFar ?? { result: { kind: 'unreadable', reason: 'reading it took too long' }, used: [] }),
        finished: false,
      });
    const failed = (error: Error): void => {
      if (isOver) return;
      isOver = true;
      stopClock();
      thread.terminate().then(() => reject(error), reject);
    };
    thread.on('message', (message) => {
      if (message.kind !== 'result') return void answer(disk, message, thread);
      const { result, used } = message;
      if (message.last) return end({ result, used, finished: true });
      soFar = { result, used };
      stopClock();
      stopClock = deps.after(deps.patience.modules, late);
      return undefined;
    });
    thread.on('error', failed);
    thread.on('exit', () => failed(new Error('the thread that reads boot files ended without a word')));
  });
}
