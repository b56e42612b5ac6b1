import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The least that passes for a static 64-bit or 32-bit ARM program. */
export function elf(kind: 'arm64' | 'arm', interpreter = false): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.write('\x7fELF', 0, 'latin1');
  const wide = kind === 'arm64';
  bytes[4] = wide ? 2 : 1;
  bytes.writeUInt16LE(wide ? 183 : 40, 18);
  if (wide) bytes.writeBigUInt64LE(64n, 32);
  else bytes.writeUInt32LE(64, 28);
  bytes.writeUInt16LE(wide ? 56 : 32, wide ? 54 : 42);
  bytes.writeUInt16LE(1, wide ? 56 : 44);
  bytes.writeUInt32LE(interpreter ? 3 : 1, 64);
  return bytes;
}

const wifiPrograms = [
  ...['wpa_supplicant', 'iw', 'libnl-3.so.200', 'libnl-genl-3.so.200', 'libnl-route-3.so.200', 'libssl.so.3'],
  ...['libcrypto.so.3', 'libpcsclite.so.1', 'libdbus-1.so.3', 'libsystemd.so.0', 'libcap.so.2', 'libgcrypt.so.20'],
  ...['libgpg-error.so.0', 'liblz4.so.1', 'liblzma.so.5', 'libzstd.so.1'],
];

/** What stands for the programs of an initramfs, for each kind of processor, as a folder of helpers holds them. */
export async function writeHelpers(folder: string): Promise<void> {
  for (const [name, kind] of [
    ['arm64', 'arm64'],
    ['armhf', 'arm'],
    ['armel', 'arm'],
  ] as const) {
    const at = (file: string): string => join(folder, name, file);
    await mkdir(at(''), { recursive: true });
    await writeFile(at('busybox'), elf(kind));
    for (const module of ['strict.pm', 'warnings.pm']) await writeFile(at(module), 'package x;');
    for (const file of ['perl', 'ld.so', 'libc.so.6', 'libm.so.6', 'libcrypt.so.1'])
      await writeFile(at(file), elf(kind, true));
    const card = (file: string): string => join(folder, `${name}-card`, file);
    await mkdir(card(''), { recursive: true });
    await writeFile(card('mke2fs.conf'), '[defaults]\n');
    for (const file of cardPrograms) await writeFile(card(file), elf(kind, true));
    await mkdir(join(folder, `${name}-wifi`), { recursive: true });
    for (const file of wifiPrograms) await writeFile(join(folder, `${name}-wifi`, file), elf(kind, true));
  }
}

/** Programs and libraries of an initramfs for cards. */
export const cardPrograms = [
  ...[
    'signify',
    'mke2fs',
    'e2fsck',
    'openssl',
    'libssl.so.3',
    'libcrypto.so.3',
    'libbsd.so.0',
    'libmd.so.0',
    'libext2fs.so.2',
    'libe2p.so.2',
  ],
  ...['libcom_err.so.2', 'libblkid.so.1', 'libuuid.so.1'],
] as const;
