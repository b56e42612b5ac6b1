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
const library = (
  triplet: string,
  name: string,
  from: string,
  { source = name, folder = perlFolder, licence = 'LGPL-2.1-or-later' } = {},
): HelperFile => ({
  name,
  path: `${folder}/${name}`,
  package: from,
  sources: [`lib/${triplet}/${source}`, `usr/lib/${triplet}/${source}`],
  kind: 'elf',
  licence,
});

/** Files that go into one part of an initramfs, and are fetched together. */
export interface HelperSet {
  /** Its folder in the cache. */
  folderOf(architecture: Architecture): string;
  files(architecture: Architecture): readonly HelperFile[];
}

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
    library(triplet, 'ld.so', 'libc6', { source: loader }),
    library(triplet, 'libc.so.6', 'libc6'),
    library(triplet, 'libm.so.6', 'libc6'),
    library(triplet, 'libcrypt.so.1', 'libcrypt1'),
  ];
}

const cardFolder = 'lib/drover/card';

/**
 * What a self-updating card needs besides: signify judges what the server says, e2fsprogs make and mend the card's own file system, openssl carries requests
 * where the card names an authority. They run by the loader and the C library of the common part.
 */
export function cardFiles(architecture: Architecture): readonly HelperFile[] {
  const { triplet } = abi[architecture];
  const ours = (name: string, from: string, licence: string): HelperFile =>
    library(triplet, name, from, { folder: cardFolder, licence });
  const e2fsprogs = (name: string, source: string, kind: HelperFile['kind']): HelperFile => ({
    ...{ name, path: `${cardFolder}/${name}`, package: 'e2fsprogs', licence: 'GPL-2.0-only' },
    ...{ sources: [source, `usr/${source}`], kind },
  });
  return [
    {
      ...{ name: 'signify', path: `${cardFolder}/signify`, package: 'signify-openbsd', licence: 'ISC' },
      ...{ sources: ['bin/signify-openbsd', 'usr/bin/signify-openbsd'], kind: 'elf' },
    },
    e2fsprogs('mke2fs', 'sbin/mke2fs', 'elf'),
    e2fsprogs('e2fsck', 'sbin/e2fsck', 'elf'),
    e2fsprogs('mke2fs.conf', 'etc/mke2fs.conf', 'text'),
    {
      ...{ name: 'openssl', path: `${cardFolder}/openssl`, package: 'openssl', licence: 'Apache-2.0' },
      ...{ sources: ['usr/bin/openssl'], kind: 'elf' },
    },
    ours('libssl.so.3', 'libssl3', 'Apache-2.0'),
    ours('libcrypto.so.3', 'libssl3', 'Apache-2.0'),
    ours('libbsd.so.0', 'libbsd0', 'BSD-3-Clause'),
    ours('libmd.so.0', 'libmd0', 'BSD-3-Clause'),
    ours('libext2fs.so.2', 'libext2fs2', 'LGPL-2.0-only'),
    ours('libe2p.so.2', 'libext2fs2', 'LGPL-2.0-only'),
    ours('libcom_err.so.2', 'libcom-err2', 'MIT'),
    ours('libblkid.so.1', 'libblkid1', 'LGPL-2.1-or-later'),
    ours('libuuid.so.1', 'libuuid1', 'BSD-3-Clause'),
  ];
}

const wifiFolder = 'lib/wifi';

/** A program or library for Wi-Fi, beside the others. */
const wifiFile = (name: string, from: string, sources: readonly string[], licence: string): HelperFile => ({
  ...{ name, path: `${wifiFolder}/${name}`, package: from, sources, kind: 'elf', licence },
});

/**
 * Wi-Fi of a card: wpa_supplicant gets a radio into its network, iw keeps it awake. They run by the loader and the C library of the common part. Debian's
 * wpa_supplicant cannot do without D-Bus's library, nor that without systemd's.
 */
export function wifiFiles(architecture: Architecture): readonly HelperFile[] {
  const { triplet } = abi[architecture];
  const ours = (name: string, from: string, licence: string): HelperFile =>
    wifiFile(name, from, [`lib/${triplet}/${name}`, `usr/lib/${triplet}/${name}`], licence);
  const program = (name: string, from: string, licence: string): HelperFile =>
    wifiFile(name, from, [`sbin/${name}`, `usr/sbin/${name}`], licence);
  return [
    program('wpa_supplicant', 'wpasupplicant', 'BSD-3-Clause'),
    program('iw', 'iw', 'ISC'),
    ours('libnl-3.so.200', 'libnl-3-200', 'LGPL-2.1-only'),
    ours('libnl-genl-3.so.200', 'libnl-genl-3-200', 'LGPL-2.1-only'),
    ours('libnl-route-3.so.200', 'libnl-route-3-200', 'LGPL-2.1-only'),
    ours('libssl.so.3', 'libssl3', 'Apache-2.0'),
    ours('libcrypto.so.3', 'libssl3', 'Apache-2.0'),
    ours('libpcsclite.so.1', 'libpcsclite1', 'BSD-3-Clause'),
    ours('libdbus-1.so.3', 'libdbus-1-3', 'AFL-2.1 OR GPL-2.0-or-later'),
    ours('libsystemd.so.0', 'libsystemd0', 'LGPL-2.1-or-later'),
    ours('libcap.so.2', 'libcap2', 'BSD-3-Clause OR GPL-2.0-only'),
    ours('libgcrypt.so.20', 'libgcrypt20', 'LGPL-2.1-or-later'),
    ours('libgpg-error.so.0', 'libgpg-error0', 'LGPL-2.1-or-later'),
    ours('liblz4.so.1', 'liblz4-1', 'BSD-2-Clause'),
    ours('liblzma.so.5', 'liblzma5', '0BSD'),
    ours('libzstd.so.1', 'libzstd1', 'BSD-3-Clause OR GPL-2.0-only'),
  ];
}

export const networkHelpers: HelperSet = { folderOf: (architecture) => architecture, files: helperFiles };
export const cardHelpers: HelperSet = { folderOf: (architecture) => `${architecture}-card`, files: cardFiles };
export const wifiHelpers: HelperSet = { folderOf: (architecture) => `${architecture}-wifi`, files: wifiFiles };
