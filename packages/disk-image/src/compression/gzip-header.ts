const flag = { checksum: 0x02, extra: 0x04, name: 0x08, comment: 0x10 } as const;
const fixedLength = 10;

/** Length of the header in front of a gzip member's deflate stream (RFC 1952, 2.3). At most that of the bytes. */
export function gzipHeaderLength(bytes: Uint8Array): number {
  const flags = bytes[3] ?? 0;
  let at = fixedLength;
  if ((flags & flag.extra) !== 0) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
  if ((flags & flag.name) !== 0) at = endOfText(bytes, at);
  if ((flags & flag.comment) !== 0) at = endOfText(bytes, at);
  if ((flags & flag.checksum) !== 0) at += 2;
  return Math.min(at, bytes.length);
}

function endOfText(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(0, from);
  return end === -1 ? bytes.length : end + 1;
}
