import type { InitramfsPart } from '../../domain/boot-plan.js';
import type { SetSources } from '../../domain/boot-set.js';
import type { Transaction } from '../store/ports.js';
import type { Derivative } from './ports.js';

/** `common/arm64`, `wifi/arm64` or `modules/arm64/6.1.0-18-arm64`: names one part of an image's initramfs. */
export const partVariant = ({ kind, architecture, release }: InitramfsPart): string =>
  [kind, architecture, ...(release === null ? [] : [release])].join('/');

/** The way back from a stored derivative; undefined for one that is no initramfs part. */
export function partOf(derivative: Derivative): InitramfsPart | undefined {
  const [kind, architecture, ...release] = derivative.variant.split('/');
  if (derivative.kind !== 'initramfs') return undefined;
  if (kind !== 'common' && kind !== 'modules' && kind !== 'nfs' && kind !== 'wifi') return undefined;
  if (architecture !== 'arm64' && architecture !== 'armhf' && architecture !== 'armel') return undefined;
  return {
    kind,
    architecture,
    release: release.length > 0 ? release.join('/') : null,
    blob: derivative.blob,
    size: derivative.size,
  };
}

/** What boots an image. */
export interface BootFiles {
  /** Blob of its boot tree. */
  readonly tree: string;
  readonly initramfs: InitramfsPart[];
  /** What a card has besides: a board that boots from the network has a cable. */
  readonly wifi: InitramfsPart[];
  /** What a board has besides whose root is over NFS. */
  readonly nfs: InitramfsPart[];
}

/** Undefined while they are being made. */
export function bootFilesOf(derivatives: readonly Derivative[]): BootFiles | undefined {
  const tree = derivatives.find(({ kind }) => kind === 'boot-tree');
  // In one order, whatever the database's: the same parts render the same bytes.
  const parts = [...derivatives]
    .sort((a, b) => (a.variant < b.variant ? -1 : 1))
    .map(partOf)
    .filter((part) => part !== undefined);
  const wifi = parts.filter(({ kind }) => kind === 'wifi');
  const nfs = parts.filter(({ kind }) => kind === 'nfs');
  const initramfs = parts.filter(({ kind }) => kind !== 'wifi' && kind !== 'nfs');
  if (tree === undefined || !initramfs.some(({ kind }) => kind === 'common')) return undefined;
  return { tree: tree.blob, initramfs, wifi, nfs };
}

/** The part of a self-updating card's initramfs that is kept under this derivative; undefined for another one. */
function cardPartOf({ kind, variant, blob, size }: Derivative): InitramfsPart | undefined {
  if (kind !== 'card-initramfs' || (variant !== 'arm64' && variant !== 'armhf' && variant !== 'armel'))
    return undefined;
  return { kind: 'card', architecture: variant, release: null, blob, size };
}

/** What a set of boot files is made from; undefined while anything of it is being made. */
export function setSourcesOf(derivatives: readonly Derivative[]): SetSources | undefined {
  const files = bootFilesOf(derivatives);
  if (files === undefined) return undefined;
  const ours = derivatives.map(cardPartOf).filter((part) => part !== undefined);
  const architectures = files.initramfs.filter(({ kind }) => kind === 'common').map(({ architecture }) => architecture);
  const cards = architectures.map((each) => ours.find(({ architecture }) => architecture === each));
  if (!cards.every((part) => part !== undefined)) return undefined;
  return { tree: files.tree, initramfs: [...files.initramfs, ...files.wifi, ...cards] };
}

/** Notes what was made of an image, with its blob. */
export async function keepDerivative(tx: Transaction, made: Derivative): Promise<void> {
  await tx.blobs.record({ digest: made.blob, size: made.size }, made.createdAt);
  await tx.images.saveDerivative(made);
}

/** The same of the parts of its initramfs. */
export async function keepInitramfs(
  tx: Transaction,
  image: string,
  parts: readonly InitramfsPart[],
  { recipe, createdAt }: Pick<Derivative, 'recipe' | 'createdAt'>,
): Promise<void> {
  for (const part of parts) {
    const { blob, size } = part;
    await keepDerivative(tx, { image, kind: 'initramfs', variant: partVariant(part), blob, size, recipe, createdAt });
  }
}
