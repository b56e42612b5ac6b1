import { ImageError } from '../errors.js';

/** Feature bits of the superblock (Linux, Documentation/filesystems/ext4/super.rst). */
export const compat = { hasJournal: 0x4, extAttr: 0x8, sparseSuper2: 0x200 } as const;

export const incompat = {
  compression: 0x1,
  filetype: 0x2,
  recover: 0x4,
  journalDev: 0x8,
  metaBg: 0x10,
  extents: 0x40,
  is64bit: 0x80,
  mmp: 0x100,
  flexBg: 0x200,
  eaInode: 0x400,
  dirdata: 0x1000,
  csumSeed: 0x2000,
  largedir: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;

export const roCompat = { sparseSuper: 0x1, bigalloc: 0x200, metadataCsum: 0x400 } as const;

const compatNames: [number, string][] = [
  [0x1, 'dir_prealloc'],
  [0x2, 'imagic_inodes'],
  [0x4, 'has_journal'],
  [0x8, 'ext_attr'],
  [0x10, 'resize_inode'],
  [0x20, 'dir_index'],
  [0x200, 'sparse_super2'],
  [0x400, 'fast_commit'],
  [0x800, 'stable_inodes'],
  [0x1000, 'orphan_file'],
];

const incompatNames: [number, string][] = [
  [incompat.compression, 'compression'],
  [incompat.filetype, 'filetype'],
  [incompat.recover, 'needs_recovery'],
  [incompat.journalDev, 'journal_dev'],
  [incompat.metaBg, 'meta_bg'],
  [incompat.extents, 'extent'],
  [incompat.is64bit, '64bit'],
  [incompat.mmp, 'mmp'],
  [incompat.flexBg, 'flex_bg'],
  [incompat.eaInode, 'ea_inode'],
  [incompat.dirdata, 'dirdata'],
  [incompat.csumSeed, 'metadata_csum_seed'],
  [incompat.largedir, 'large_dir'],
  [incompat.inlineData, 'inline_data'],
  [incompat.encrypt, 'encrypt'],
  [incompat.casefold, 'casefold'],
];

const roCompatNames: [number, string][] = [
  [0x1, 'sparse_super'],
  [0x2, 'large_file'],
  [0x8, 'huge_file'],
  [0x10, 'uninit_bg'],
  [0x20, 'dir_nlink'],
  [0x40, 'extra_isize'],
  [0x100, 'quota'],
  [0x200, 'bigalloc'],
  [0x400, 'metadata_csum'],
  [0x1000, 'read-only'],
  [0x2000, 'project'],
  [0x4000, 'shared_blocks'],
  [0x8000, 'verity'],
  [0x10000, 'orphan_present'],
];

const unreadable = incompat.compression | incompat.journalDev | incompat.dirdata | incompat.encrypt;
const readable =
  incompat.filetype |
  incompat.recover |
  incompat.metaBg |
  incompat.extents |
  incompat.is64bit |
  incompat.mmp |
  incompat.flexBg |
  incompat.eaInode |
  incompat.csumSeed |
  incompat.largedir |
  incompat.inlineData |
  incompat.casefold;

const named = (bits: number, names: [number, string][]): string[] =>
  names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);

/** Names of the set features, as `dumpe2fs` writes them. */
export function featureNames(bits: { compat: number; incompat: number; roCompat: number }): string[] {
  return [
    ...named(bits.compat, compatNames),
    ...named(bits.incompat, incompatNames),
    ...named(bits.roCompat, roCompatNames),
  ];
}

/** Throws `image.ext4.unsupported` naming the features this reader cannot see through. */
export function requireReadable(bits: number): void {
  const stopping = bits & (unreadable | ~readable);
  if (stopping === 0) return;
  const known = named(stopping, incompatNames);
  const unknown = stopping & ~incompatNames.reduce((all, [bit]) => all | bit, 0);
  const names = unknown === 0 ? known : [...known, `unknown bits ${(unknown >>> 0).toString(16)} (hex)`];
  throw new ImageError('image.ext4.unsupported', `The ext4 file system uses ${names.join(', ')}`, {
    at: 1024,
    remedy: 'Make the root file system without this feature.',
  });
}
