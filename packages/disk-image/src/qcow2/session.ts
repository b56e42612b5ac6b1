import { encodeSector, type Qcow2Header } from './header.js';
import { startRedoLog, type LogRecord, type RedoLog } from './redo-log.js';
import type { BlockFile } from './types.js';

/** Replaces the first sector of an image, one change after the other. */
export interface HeaderWriter {
  /** Changes the header in memory and in the file. */
  update(change: (header: Qcow2Header) => void): Promise<void>;
}

export function createHeaderWriter(file: BlockFile, header: Qcow2Header): HeaderWriter {
  let last: Promise<unknown> = Promise.resolve();
  return {
    update: (change) => {
      const mine = last.then(async () => {
        change(header);
        await file.write(0, encodeSector(header));
      });
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

export interface SessionDeps {
  header: HeaderWriter;
  /** Where the redo log goes. Without one, changes of tables are answered only when they are durable. */
  log: BlockFile | undefined;
  /** Nobody relies on answers. */
  bulk: boolean;
  bootId: string;
  /** So many random bytes in hex. */
  readonly randomHex: (bytes: number) => string;
  /** Makes all changes of tables durable that were made before the call. */
  readonly checkpoint: () => Promise<void>;
}

/** Sees to it that changes of tables survive the end of the process from the moment on at which they are answered. */
export interface Session {
  /** Resolves when they do. The changes must have been made in memory in the same turn. */
  record(records: readonly LogRecord[]): Promise<void>;
  /** A checkpoint takes over everything that was recorded so far. */
  nextGeneration(): void;
  /**
   * The tables of that checkpoint are durable. False when clusters that it freed must stay as they are until another checkpoint, because a
   * log that could not be written to the end would bring them back.
   */
  checkpointed(): Promise<boolean>;
  /** A log could not be written to the end: only a checkpoint of everything makes up for it. */
  readonly isBroken: boolean;
  /** The log is not needed any more: there is nothing that is not in the tables. */
  end(): Promise<void>;
  /** Nobody knows what of the data is still there: the log must not be believed any more. */
  abandon(): Promise<void>;
}

export function createSession(deps: SessionDeps): Session {
  const { log, bulk, checkpoint } = deps;
  if (bulk) return createUnlogged(async () => undefined);
  // Every change of tables is durable before it is answered.
  return log === undefined ? createUnlogged(checkpoint) : createLogged(deps, log);
}

const createUnlogged = (record: () => Promise<void>): Session => ({
  record,
  nextGeneration: () => undefined,
  checkpointed: async () => true,
  isBroken: false,
  end: async () => undefined,
  abandon: async () => undefined,
});

/** `broken` until a checkpoint has begun that takes over all there is, and `replaced` until it has ended. */
type State = 'good' | 'broken' | 'replaced';

function createLogged({ header, bootId, randomHex, checkpoint }: SessionDeps, file: BlockFile): Session {
  let state: State = 'good';
  let starting: Promise<RedoLog> | undefined;
  let log: RedoLog | undefined;

  const begin = async (): Promise<RedoLog> => {
    const session = randomHex(16);
    const started = await startRedoLog(file, { session, bootId });
    await header.update((each) => (each.session = session));
    log = started;
    return started;
  };

  const end = async (): Promise<void> => {
    if (starting !== undefined) await header.update((each) => delete each.session);
    [starting, log] = [undefined, undefined];
    state = 'good';
  };

  const recordFirst = async (records: readonly LogRecord[]): Promise<void> => {
    starting ??= begin();
    return (await starting).append(records);
  };

  const broken = (): Promise<void> => {
    state = 'broken';
    return checkpoint();
  };

  return {
    record: (records) => {
      if (state !== 'good') return checkpoint();
      return (log?.append(records) ?? recordFirst(records)).catch(broken);
    },
    nextGeneration: () => {
      log?.nextGeneration();
      if (state === 'broken') state = 'replaced';
    },
    checkpointed: async () => {
      await log?.settled();
      if (state === 'replaced') await end();
      return state === 'good';
    },
    get isBroken() {
      return state !== 'good';
    },
    end,
    abandon: () => file.write(0, new Uint8Array(512)),
  };
}
