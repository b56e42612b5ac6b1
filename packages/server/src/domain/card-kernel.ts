import type { ImageFacts, RootMode } from '@drover/contract';

/**
 * Why a root of this image cannot do its work below the kernel that a card brought; undefined when it can, or when nothing is known that speaks against it.
 * An image whose own kernels have no modules needs none. With root mode `nbd` the disk is the board's own, and may have got others since. With root mode `sd` a
 * card that has sets of boot files (`boot`: the one that runs) is about to get the kernel that fits.
 */
export function kernelMisfit(
  facts: Pick<ImageFacts, 'kernels'> | null,
  mode: RootMode,
  { release, boot }: { readonly release: string; readonly boot?: string | undefined },
): string | undefined {
  if (facts === null || mode === 'nbd' || (mode === 'sd' && boot !== undefined)) return undefined;
  const releases = facts.kernels.flatMap((kernel) =>
    kernel.modules && kernel.release !== null ? [kernel.release] : [],
  );
  if (releases.length === 0 || releases.includes(release)) return undefined;
  return `the kernel on its card is ${release}, and the image has modules for ${releases.join(', ')} only`;
}
