import { viewOf } from '../bytes.js';

const diskVersion = 1;
const xattrVersion = 2;
const undefinedId = 0xffffffff;
/** Entries for a named user (2) or group (8) carry an id on disk, the others do not. */
const tagsWithId = new Set([0x02, 0x08]);

/**
 * Turns an access control list from ext4's packed form into the one of `getxattr(2)`
 * (include/uapi/linux/posix_acl_xattr.h). Undefined when it is malformed.
 */
export function aclToXattr(disk: Uint8Array): Uint8Array | undefined {
  const view = viewOf(disk);
  if (disk.length < 4 || view.getUint32(0, true) !== diskVersion) return undefined;
  const out: number[] = [];
  for (let at = 4; at < disk.length;) {
    if (at + 4 > disk.length) return undefined;
    const tag = view.getUint16(at, true);
    const withId = tagsWithId.has(tag);
    if (withId && at + 8 > disk.length) return undefined;
    out.push(tag, view.getUint16(at + 2, true), withId ? view.getUint32(at + 4, true) : undefinedId);
    at += withId ? 8 : 4;
  }
  const bytes = new Uint8Array(4 + (out.length / 3) * 8);
  const result = viewOf(bytes);
  result.setUint32(0, xattrVersion, true);
  for (let i = 0; i < out.length; i += 3) {
    const at = 4 + (i / 3) * 8;
    result.setUint16(at, out[i] as number, true);
    result.setUint16(at + 2, out[i + 1] as number, true);
    result.setUint32(at + 4, out[i + 2] as number, true);
  }
  return bytes;
}
