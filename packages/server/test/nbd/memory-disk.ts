import type { DiskContent, DiskExport, DiskExtent, Soon, WriteZeroes } from '../../src/app/disks/ports.js';

/** What a disk was asked to do. */
export interface Operation {
  readonly kind: 'read' | 'write' | 'flush' | 'trim' | 'writeZeroes' | 'cache' | 'blockStatus';
  readonly offset: number;
  readonly length: number;
  readonly fua?: boolean;
  readonly noHole?: boolean;
  readonly fast?: boolean;
  readonly one?: boolean;
}

/** An operation that waits for the test. */
export interface Held {
  readonly operation: Operation;
  finish(error?: Error): void;
}

type Optional = 'flush' | 'trim' | 'writeZeroes' | 'cache' | 'blockStatus';

export interface MemoryDiskOptions {
  readonly size?: number;
  /** `at-once`: without a promise. `later`: in the next turn of the event loop. `held`: when the test says so. */
  readonly answers?: 'at-once' | 'later' | 'held';
  readonly readOnly?: boolean;
  readonly canMultiConn?: boolean;
  readonly blockSize?: DiskExport['blockSize'];
  readonly without?: readonly Optional[];
  /** Reads tell holes apart; otherwise they are bytes. */
  readonly holes?: boolean;
  /** Makes an operation fail. */
  fail?(operation: Operation): Error | undefined;
}

/** A sparse disk in memory, in units of 4 KiB, that remembers what it was asked. */
export interface MemoryDisk extends DiskExport {
  readonly bytes: Buffer;
  readonly log: readonly Operation[];
  readonly held: Held[];
  readonly closed: number;
  allocated(offset: number): boolean;
}

const unit = 4096;

export const errorWith = (code: string): Error => Object.assign(new Error(`it failed with ${code}`), { code });

export function createMemoryDisk(options: MemoryDiskOptions = {}): MemoryDisk {
  const { size = 1 << 20, answers = 'at-once' } = options;
  const bytes = Buffer.alloc(size);
  const units = new Uint8Array(Math.ceil(size / unit));
  const log: Operation[] = [];
  const held: Held[] = [];
  let closed = 0;

  const carryOut = <T>(operation: Operation, act: () => T): Soon<T> => {
    log.push(operation);
    const error = options.fail?.(operation);
    const acted = (): T => {
      if (error) throw error;
      return act();
    };
    if (answers === 'at-once') return acted();
    return new Promise((resolve, reject) => {
      const finish = (failure?: Error): void => {
        try {
          if (failure) throw failure;
          resolve(acted());
        } catch (cause) {
          reject(cause instanceof Error ? cause : new Error(String(cause)));
        }
      };
      if (answers === 'held') held.push({ operation, finish });
      else setImmediate(finish);
    });
  };
  const mark = (offset: number, length: number, as: 0 | 1): void => {
    if (length > 0) units.fill(as, Math.floor(offset / unit), Math.ceil((offset + length) / unit));
  };
  /** Whole units within a range. */
  const punch = (offset: number, length: number): void => {
    const [first, end] = [Math.ceil(offset / unit), Math.floor((offset + length) / unit)];
    if (end > first) units.fill(0, first, end);
  };
  function* extents(offset: number, length: number): Iterable<DiskExtent> {
    for (let at = offset; at < offset + length;) {
      const end = Math.min((Math.floor(at / unit) + 1) * unit, offset + length);
      yield { length: end - at, flags: units[Math.floor(at / unit)] === 1 ? 0 : 3 };
      at = end;
    }
  }
  /** In the caller's memory if there is any, as a disk does whose content is in a file. */
  const content = (offset: number, length: number, memory?: Uint8Array): DiskContent => {
    memory?.set(bytes.subarray(offset, offset + length));
    const found = memory?.subarray(0, length) ?? bytes.subarray(offset, offset + length);
    if (!options.holes) return found;
    let at = offset;
    return [...extents(offset, length)].map((extent) => {
      at += extent.length;
      return extent.flags === 0 ? found.subarray(at - extent.length - offset, at - offset) : { zeroes: extent.length };
    });
  };

  const optional: Required<Pick<DiskExport, Optional>> = {
    flush: () => carryOut({ kind: 'flush', offset: 0, length: 0 }, () => undefined),
    trim: (offset, length, fua) =>
      carryOut({ kind: 'trim', offset, length, fua }, () => {
        bytes.fill(0, offset, offset + length);
        punch(offset, length);
      }),
    writeZeroes: (offset, length, how: WriteZeroes) =>
      carryOut({ kind: 'writeZeroes', offset, length, ...how }, () => {
        bytes.fill(0, offset, offset + length);
        if (how.noHole) mark(offset, length, 1);
        else punch(offset, length);
      }),
    cache: (offset, length) => carryOut({ kind: 'cache', offset, length }, () => undefined),
    blockStatus: (offset, length, one) =>
      carryOut({ kind: 'blockStatus', offset, length, one }, () => extents(offset, length)),
  };
  const offered = Object.entries(optional).filter(([name]) => !options.without?.includes(name as Optional));

  return {
    label: 'memory',
    size,
    readOnly: options.readOnly ?? false,
    canMultiConn: options.canMultiConn ?? true,
    blockSize: options.blockSize ?? { minimum: 1, preferred: 4096, maximum: 32 << 20 },
    description: 'a disk in memory',
    read: (offset, length, memory) => carryOut({ kind: 'read', offset, length }, () => content(offset, length, memory)),
    write: (offset, payload, fua) =>
      carryOut({ kind: 'write', offset, length: payload.length, fua }, () => {
        bytes.set(payload, offset);
        mark(offset, payload.length, 1);
      }),
    ...Object.fromEntries(offered),
    close: async () => {
      closed += 1;
    },
    bytes,
    log,
    held,
    get closed() {
      return closed;
    },
    allocated: (offset) => units[Math.floor(offset / unit)] === 1,
  };
}
