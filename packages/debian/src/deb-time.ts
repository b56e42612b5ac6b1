/** Bytes that {@link debTime} needs from the start of a file. */
export const debHeadLength = 72;

/**
 * When a Debian package was built, in seconds of the epoch: the time of the first member of its archive (deb(5), ar(5)), which dpkg-deb takes from
 * SOURCE_DATE_EPOCH, and that from the changelog. Undefined where the bytes begin no package.
 */
export const debTime = (head: Uint8Array): number | undefined => {
  const text = new TextDecoder('latin1').decode(head.subarray(0, debHeadLength));
  const field = (at: number, length: number): string => text.slice(at, at + length).trimEnd();
  const isDeb =
    text.startsWith('!<arch>\n') &&
    field(8, 16).replace(/\/$/, '') === 'debian-binary' &&
    field(56, 10) === '4' &&
    /^`\n2\.\d\n$/.test(text.slice(66));
  const time = field(24, 12);
  return isDeb && /^\d+$/.test(time) ? Number(time) : undefined;
};
