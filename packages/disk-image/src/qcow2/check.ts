import type { Qcow2Environment } from './active.js';
import type { BackingName } from './header.js';
import { readLayout } from './layout.js';
import { openActive } from './open.js';
import { scanImage, type Problem, type ScanOptions } from './scan.js';
import { finish } from './state.js';
import type { BlockFile, BlockSource } from './types.js';

/** What a check of an image found. */
export interface Qcow2Report {
  /** Bytes of the disk. */
  size: number;
  clusterSize: number;
  backing?: BackingName;
  /** Guest clusters, and how many of them have a place, read as zeros, or are compressed. */
  clusters: number;
  allocated: number;
  zero: number;
  compressed: number;
  /** Percent of neighbours among the allocated clusters that do not lie side by side in the file. */
  fragmentation: number;
  /** Clusters that take space for nothing. Harmless; put right when the disk is opened for writing. */
  leaks: number;
  /** Somebody has the image open, or left it without closing it. */
  inUse: boolean;
  /** Reference counts are to be made anew (lazy refcounts). */
  dirty: boolean;
  corruptions: number;
  /** The first of them. */
  problems: Problem[];
}

const mostProblems = 100;

/**
 * Checks all tables of an image without changing it. What is beyond the header is reported, not thrown; reference counts are not looked at in
 * images with internal snapshots.
 */
export async function checkQcow2(
  file: BlockSource,
  options: Pick<ScanOptions, 'signal' | 'tableLimit'> = {},
): Promise<Qcow2Report> {
  const layout = await readLayout(file);
  const { header, geometry } = layout;
  const problems: Problem[] = [];
  let corruptions = 0;
  const onProblem = (problem: Problem): void => {
    corruptions += 1;
    if (problems.length < mostProblems) problems.push(problem);
  };
  if (header.corrupt) onProblem({ code: 'image.qcow2.corrupt', message: 'The image is marked as corrupt' });
  const scan = await scanImage(file, layout, { ...options, onProblem });
  if (!header.dirty) {
    for (const { first, count } of scan.uncounted.runs()) {
      onProblem({
        code: 'image.qcow2.corrupt',
        message: `${count} clusters from ${first} on are used but not counted`,
      });
    }
  }
  return {
    size: header.size,
    clusterSize: geometry.clusterSize,
    ...(header.backing === undefined ? {} : { backing: header.backing }),
    clusters: Math.ceil(header.size / geometry.clusterSize),
    allocated: scan.allocated,
    zero: scan.zero,
    compressed: scan.compressed,
    fragmentation: scan.allocated < 2 ? 0 : (100 * scan.breaks) / (scan.allocated - 1),
    leaks: scan.leaks.size,
    inUse: header.session !== undefined,
    dirty: header.dirty,
    corruptions,
    problems,
  };
}

/**
 * Gives leaked clusters back, makes reference counts anew where they are said to be wrong, and takes over a redo log of this boot. Throws
 * `image.qcow2.*` when the image is damaged beyond that.
 */
export async function repairQcow2(
  file: BlockFile,
  log: BlockFile | undefined,
  environment: Qcow2Environment,
): Promise<void> {
  const { active } = await openActive({ ...environment, file, log, below: undefined });
  await finish(active);
  active.tables.drop();
}
