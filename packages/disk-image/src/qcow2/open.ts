import { ImageError } from '../errors.js';
import { createActive, type Active, type Qcow2Environment } from './active.js';
import { createAllocator, type Allocator } from './allocator.js';
import { clustersOf } from './cluster-set.js';
import { hostOf, type Mapping } from './format.js';
import { encodeSector, freeSlot } from './header.js';
import { readLayout, type Layout } from './layout.js';
import { countedLimit, extendMetadata, planMetadata } from './metadata.js';
import { readRedoLog } from './redo-log.js';
import { scanImage, type Scan } from './scan.js';
import type { BlockFile, DiskView } from './types.js';

/**
 * What an image looked like when it was opened: closed in an orderly way; left by a process that ended, with everything that was answered
 * still there; or left by a power cut, with what was flushed.
 */
export type Recovery = 'clean' | 'replayed' | 'rolled-back';

export interface OpenActiveOptions extends Qcow2Environment {
  file: BlockFile;
  log: BlockFile | undefined;
  below: DiskView | undefined;
  /** Nobody relies on answers before the disk is closed: neither log nor checkpoints are needed for them. */
  bulk?: boolean;
}

const readOnly = (why: string): ImageError =>
  new ImageError('image.qcow2.read-only', `The image cannot be written to, because ${why}`, {
    remedy: 'Copy it with `qemu-img convert -O qcow2`.',
  });

/** Opens an image for writing: checks all of it, and puts right what the end of a process or a power cut may have left. */
export async function openActive(options: OpenActiveOptions): Promise<{ active: Active; recovery: Recovery }> {
  const { file } = options;
  const layout = await readLayout(file);
  if (layout.header.readOnlyBecause !== undefined) throw readOnly(layout.header.readOnlyBecause);
  const scan = await scanImage(file, layout);
  if (scan.compressed > 0) throw readOnly('it has compressed clusters');
  if (scan.uncounted.size > 0 && !layout.header.dirty) {
    throw new ImageError('image.qcow2.corrupt', `${scan.uncounted.size} clusters are used but not counted`, {
      remedy: 'Restore a backup, or try `qemu-img check -r all` on a copy.',
    });
  }
  const logged = await loggedMappings(options, layout);
  const recovery = recoveryOf(layout, logged);
  const active = createActive({ ...options, layout, allocator: allocatorFrom(scan, layout, file.punch !== undefined) });
  await claimLogged(active, scan, logged ?? new Map<number, Mapping>());
  if (!layout.header.ours) await adopt(active);
  await repair(active, scan);
  await replay(active, logged ?? new Map<number, Mapping>());
  return { active, recovery };
}

async function loggedMappings(
  { log, bootId }: OpenActiveOptions,
  layout: Layout,
): Promise<Map<number, Mapping> | undefined> {
  const { session } = layout.header;
  if (session === undefined || log === undefined) return undefined;
  return readRedoLog(log, { session, bootId });
}

function recoveryOf({ header }: Layout, logged: Map<number, Mapping> | undefined): Recovery {
  if (logged !== undefined) return 'replayed';
  return header.session === undefined && !header.dirty ? 'clean' : 'rolled-back';
}

function allocatorFrom(scan: Scan, layout: Layout, punches: boolean): Allocator {
  const limit = countedLimit(layout);
  const state = { used: scan.used, counted: scan.counted, end: scan.fileClusters, limit, punches };
  return createAllocator(state, layout.geometry);
}

/**
 * Makes an image that another program created fit for changes of its header by replacing its first sector: the name of the backing file is
 * first copied to where it does not stand in the way.
 */
async function adopt({ file, layout, checkpoints }: Active): Promise<void> {
  const { header } = layout;
  if ((header.backing?.format ?? '').length > 32) throw readOnly('the format of its backing file is unknown');
  if (header.backing !== undefined) {
    const name = Buffer.from(header.backing.name, 'utf8');
    header.backingOffset = freeSlot(header, name.length);
    await file.write(header.backingOffset, name);
    await checkpoints.sync();
  }
  await file.write(0, encodeSector(header));
  await checkpoints.sync();
  header.ours = true;
}

/** Takes the clusters of a redo log as used, before anything else can get them. Throws when the log contradicts the image. */
async function claimLogged(
  { allocator, tables, layout }: Active,
  scan: Scan,
  logged: Map<number, Mapping>,
): Promise<void> {
  // A resize that was interrupted may have changed what lies behind the end of the disk.
  const guestClusters = layout.l1.length * layout.geometry.l2Entries;
  const seen = new Set<number>();
  for (const [cluster, mapping] of logged) {
    const host = hostOf(mapping);
    if (cluster >= guestClusters) throw contradiction(`guest cluster ${cluster} is not in its tables`);
    if (host === 0) continue;
    const isKnown = hostOf(await tables.find(cluster)) === host;
    if (host >= scan.fileClusters || seen.has(host) || (scan.used.has(host) && !isKnown)) {
      throw contradiction(`cluster ${host} cannot be that of guest cluster ${cluster}`);
    }
    seen.add(host);
  }
  allocator.claim(seen);
  for (const host of seen) scan.leaks.delete(host);
}

const contradiction = (why: string): ImageError =>
  new ImageError('image.qcow2.corrupt', `The redo log does not belong to the image: ${why}`, {
    remedy: 'Remove the log file to go back to what was last flushed, and check the image.',
  });

/**
 * Lowers counts of clusters that nothing uses, counts what is used after lazy refcounts, cuts off what is free at the end, and adds tables that
 * an image from elsewhere lacks.
 */
async function repair(active: Active, { leaks, uncounted }: Scan): Promise<void> {
  const { allocator, layout, checkpoints, file, geometry } = active;
  allocator.recount(clustersOf(leaks.runs()));
  allocator.count(clustersOf(uncounted.runs()));
  await checkpoints.writeCounts();
  if (leaks.size + uncounted.size > 0) await checkpoints.sync();
  const end = allocator.cutTail();
  if (file.size > end * geometry.clusterSize) await file.truncate(end * geometry.clusterSize);
  const plan = planMetadata(layout, layout.header.size, end);
  if (plan !== undefined) await extendMetadata(active, plan);
  if (!layout.header.dirty) return;
  await active.header.update((header) => (header.dirty = false));
  await checkpoints.sync();
}

/** Puts what a redo log says into the tables. */
async function replay(active: Active, logged: Map<number, Mapping>): Promise<void> {
  const { pending, tables, checkpoints, layout, header } = active;
  for (const [cluster, mapping] of logged) pending.set(cluster, mapping, await tables.find(cluster));
  if (logged.size > 0) await checkpoints.flush();
  if (layout.header.session !== undefined) await header.update((each) => delete each.session);
}
