import { hex, viewOf } from '../../bytes.js';
import { seedOf, superblockSum } from './checksums.js';
import { parseHeader } from './records.js';
import { unusable, usable, type Checked, type JournalLayout, type Unusable } from './types.js';

const compatChecksum = 0x1;
const incompat = { revoke: 0x1, is64bit: 0x2, asyncCommit: 0x4, csumV2: 0x8, csumV3: 0x10, fastCommit: 0x20 } as const;
const known = Object.values(incompat).reduce((all, bit) => all | bit, 0);
const crc32cType = 4;
const superblockSize = 1024;
/** Below that many blocks a log is not shortened for fast commits (Linux, JBD2_MIN_JOURNAL_BLOCKS). */
const leastLog = 1024;
const defaultFastCommits = 256;

const corrupt = (why: string): Unusable => unusable('corrupt', `is damaged: ${why}`);

interface Features {
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
}

function featuresOf(view: DataView, version: number): Features {
  if (version === 1) return { compat: 0, incompat: 0, roCompat: 0 };
  return { compat: view.getUint32(0x24), incompat: view.getUint32(0x28), roCompat: view.getUint32(0x2c) };
}

function checksumsOf(features: Features): JournalLayout['checksums'] | undefined {
  const has = [
    (features.compat & compatChecksum) !== 0,
    (features.incompat & incompat.csumV2) !== 0,
    (features.incompat & incompat.csumV3) !== 0,
  ];
  if (has.filter(Boolean).length > 1) return undefined;
  return has[2] === true ? 3 : has[1] === true ? 2 : has[0] === true ? 1 : 0;
}

/** The log ends where fast commits begin; one block between them is not used (Linux, journal_load_superblock). */
function rangesOf(view: DataView, features: Features): Pick<JournalLayout, 'end' | 'fastCommits'> {
  const all = view.getUint32(0x10);
  if ((features.incompat & incompat.fastCommit) === 0) return { end: all, fastCommits: undefined };
  const wanted = view.getUint32(0x54) || defaultFastCommits;
  const end = all - wanted >= leastLog ? all - wanted : all;
  return { end, fastCommits: end + 1 };
}

/**
 * Reads a journal superblock (journal.rst, "Super Block"), version 1 or 2. `blocks`: how many blocks of `blockSize` the
 * file has.
 */
export function parseJournalSuperblock(bytes: Uint8Array, blockSize: number, blocks: number): Checked<JournalLayout> {
  const view = viewOf(bytes);
  const type = parseHeader(bytes)?.type;
  if (type !== 3 && type !== 4) return corrupt('it has no superblock');
  const features = featuresOf(view, type === 3 ? 1 : 2);
  const strange = (features.incompat & ~known) >>> 0;
  if (strange !== 0 || features.roCompat !== 0)
    return unusable(
      'unsupported',
      `uses features that are not known here: ${hex(strange, 1)} and ${hex(features.roCompat, 1)} (hex)`,
    );
  const checksums = checksumsOf(features);
  if (checksums === undefined) return corrupt('it has several kinds of checksums');
  if (checksums >= 2 && view.getUint8(0x50) !== crc32cType)
    return unusable('unsupported', `has checksums of type ${view.getUint8(0x50)}`);
  if (checksums >= 2 && superblockSum(bytes.subarray(0, superblockSize)) !== view.getUint32(0xfc))
    return unusable('checksum', 'has a superblock with a wrong checksum');
  const layout: JournalLayout = {
    blockSize: view.getUint32(0x0c),
    first: view.getUint32(0x14),
    start: view.getUint32(0x1c),
    sequence: view.getUint32(0x18),
    ...rangesOf(view, features),
    is64bit: (features.incompat & incompat.is64bit) !== 0,
    checksums,
    seed: seedOf(bytes.subarray(0x30, 0x40)),
  };
  return checked(layout, view.getUint32(0x10), blockSize, blocks);
}

function checked(layout: JournalLayout, all: number, blockSize: number, blocks: number): Checked<JournalLayout> {
  const { first, end, start } = layout;
  if (layout.blockSize !== blockSize) return corrupt(`its blocks have ${layout.blockSize} bytes`);
  if (all > blocks) return corrupt(`it has ${all} blocks in a file of ${blocks}`);
  if (first < 1 || first >= end) return corrupt(`its log goes from block ${first} to ${end}`);
  if (start !== 0 && (start < first || start >= end)) return corrupt(`its log begins at block ${start}`);
  return usable(layout);
}
