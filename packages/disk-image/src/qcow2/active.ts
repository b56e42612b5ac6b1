import type { ImageError } from '../errors.js';
import type { Allocator } from './allocator.js';
import { createCheckpointer, type Checkpointer } from './checkpoint.js';
import type { Geometry } from './format.js';
import { Grace } from './grace.js';
import type { Layout } from './layout.js';
import { Pending } from './pending.js';
import { createHeaderWriter, createSession, type HeaderWriter, type Session } from './session.js';
import type { TableCache } from './table-cache.js';
import { createTables, type Tables } from './tables.js';
import type { BlockFile, DiskView } from './types.js';
import { createView } from './view.js';

/** What the engine is given from outside. */
export interface Qcow2Environment {
  tables: TableCache;
  /** Tells one boot of the machine from the next: a redo log is believed only during the boot in which it was written. */
  bootId: string;
  /** So many random bytes in hex. */
  readonly randomHex: (bytes: number) => string;
}

/** An image that is open for writing, and everything that belongs to it. */
export interface Active {
  readonly file: BlockFile;
  readonly log: BlockFile | undefined;
  readonly layout: Layout;
  readonly geometry: Geometry;
  readonly tables: Tables;
  readonly pending: Pending;
  readonly allocator: Allocator;
  readonly grace: Grace;
  readonly header: HeaderWriter;
  readonly session: Session;
  readonly checkpoints: Checkpointer;
  readonly view: DiskView;
  /** What shows through where the image has nothing. */
  below: DiskView | undefined;
  /** Holes are being made. */
  reclaiming: Promise<number> | undefined;
}

export interface ActiveDeps extends Qcow2Environment {
  file: BlockFile;
  log: BlockFile | undefined;
  layout: Layout;
  allocator: Allocator;
  below: DiskView | undefined;
  bulk?: boolean;
}

export function createActive(deps: ActiveDeps): Active {
  const { file, log, layout, allocator } = deps;
  const { geometry } = layout;
  const tables = createTables(file, layout, deps.tables);
  const pending = new Pending(tables);
  const grace = new Grace();
  const header = createHeaderWriter(file, layout.header);
  const checkpoints = createCheckpointer({
    file,
    layout,
    tables,
    pending,
    allocator,
    grace,
    session: () => active.session,
  });
  const session = createSession({
    bulk: deps.bulk ?? false,
    header,
    log,
    bootId: deps.bootId,
    randomHex: deps.randomHex,
    checkpoint: checkpoints.flush,
  });
  const view = createView({
    get size() {
      return layout.header.size;
    },
    clusterSize: geometry.clusterSize,
    file,
    get below() {
      return active.below;
    },
    lookup: (cluster) => pending.lookup(cluster),
    load: tables.load,
    entry: tables.entry,
    enter: () => grace.enter(),
    leave: (ticket) => grace.leave(ticket),
  });
  const active: Active = {
    file,
    log,
    layout,
    geometry,
    tables,
    pending,
    allocator,
    grace,
    header,
    session,
    checkpoints,
    view,
    below: deps.below,
    reclaiming: undefined,
  };
  return active;
}

/** Throws when no change is accepted any more. */
export function requireSound({ checkpoints }: Active): void {
  const { failure }: { failure: ImageError | undefined } = checkpoints;
  if (failure !== undefined) throw failure;
}
