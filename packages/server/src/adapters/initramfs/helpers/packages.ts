/** A program the initramfs carries, as Debian packages it. */
export interface HelperPackage {
  /** Name of the program in the initramfs. */
  readonly name: string;
  /** Debian's package, from the component main. */
  readonly package: string;
  /** Where the program may be in that package. */
  readonly paths: readonly string[];
  /** SPDX identifier. */
  readonly licence: string;
}

/** Programs of every initramfs. Those of other root modes (nbd-client, curl with their libraries) get rows of their own. */
export const helperPackages: readonly HelperPackage[] = [
  {
    name: 'busybox',
    package: 'busybox-static',
    paths: ['bin/busybox', 'usr/bin/busybox'],
    licence: 'GPL-2.0-only',
  },
];
