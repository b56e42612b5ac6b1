import type { Architecture } from '../ports.js';

/** A file the initramfs carries, as Debian packages it. */
export interface HelperFile {
  /** Its name in the cache. */
  readonly name: string;
  /** Where it lies in the initramfs. */
  readonly path: string;
  /** Debian's package, from the component main. */
  readonly package: string;
  /** Where it may be in that package. */
  readonly sources: readonly string[];
  /** `static`: a program that needs no library. `elf`: a program or library for the board's processor. `text`: anything else. */
  readonly kind: 'static' | 'elf' | 'text';
  /** SPDX identifier. */
  readonly licence: string;
}

/** Debian's multiarch name, and the dynamic loader of its ABI. */
const abi: Readonly<Record<Architecture, { readonly triplet: string; readonly loader: string }>> = {
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
  armhf: { triplet: 'arm-linux-gnueabihf', loader: 'ld-linux-armhf.so.3' },
  armel: { triplet: 'arm-linux-gnueabi', loader: 'ld-linux.so.3' },
};

const perlFolder = 'lib/drover/perl';
const perlLicence = 'Artistic-1.0-Perl OR GPL-1.0-or-later';

/** A library under the name it is asked for by, in the folder where the runtime looks. */
const library = (triplet: string, name: string, from: string, source = name): HelperFile => ({
  name,
  path: `${perlFolder}/${name}`,
  package: from,
  sources: [`lib/${triplet}/${source}`, `usr/lib/${triplet}/${source}`],
  kind: 'elf',
  licence: 'LGPL-2.1-or-later',
});

/** Files of every initramfs: busybox runs the boot; a bare Perl attaches network block devices (device/lib/nbd-attach). */
export function helperFiles(architecture: Architecture): readonly HelperFile[] {
  const { triplet, loader } = abi[architecture];
  const perlModule = (name: string): HelperFile => ({
    name,
    path: `${perlFolder}/${name}`,
    package: 'perl-base',
    sources: [`usr/lib/${triplet}/perl-base/${name}`],
    kind: 'text',
    licence: perlLicence,
  });
  return [
    {
      ...{ name: 'busybox', path: 'bin/busybox', package: 'busybox-static', licence: 'GPL-2.0-only' },
      ...{ sources: ['bin/busybox', 'usr/bin/busybox'], kind: 'static' },
    },
    {
      ...{ name: 'perl', path: `${perlFolder}/perl`, package: 'perl-base', licence: perlLicence },
      ...{ sources: ['usr/bin/perl'], kind: 'elf' },
    },
    perlModule('strict.pm'),
    perlModule('warnings.pm'),
    library(triplet, 'ld.so', 'libc6', loader),
    library(triplet, 'libc.so.6', 'libc6'),
    library(triplet, 'libm.so.6', 'libc6'),
    library(triplet, 'libcrypt.so.1', 'libcrypt1'),
  ];
}
