import type { ImageManifest } from './manifest.js';

/** A word of a POSIX shell, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * `info.sh`, which CattlePi's `account_device_config_update.sh -ipkg` sources: where the boot files and the root are, and their md5. The sha256 are ours.
 * Addresses begin with `base`, the folder that the build is published in.
 */
export const infoScript = ({ name, version, description, files }: ImageManifest, base: string): string => {
  const lines: [key: string, value: string][] = [
    ['INFO', `${name}:${version}${description === null ? '' : ` ${description}`}`],
  ];
  for (const [key, file] of [
    ['INITFS', 'initfs.tgz'],
    ['ROOTFS', 'rootfs.sqsh'],
  ] as const) {
    const built = files[file];
    if (built?.md5 === undefined) throw new Error(`a build without ${file}`);
    lines.push([key, `${base}/${file}`], [`${key}MD5`, built.md5], [`${key}SHA256`, built.sha256]);
  }
  return lines.map(([key, value]) => `${key}=${quoted(value)}\n`).join('');
};
