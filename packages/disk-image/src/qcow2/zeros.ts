const shared = Buffer.alloc(1024 * 1024);

/** Zeros to read from. They must not be changed. */
export function zeros(length: number): Uint8Array {
  return length <= shared.length ? shared.subarray(0, length) : new Uint8Array(length);
}

/** Whether all bytes are zero. */
export function isAllZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += shared.length) {
    const length = Math.min(shared.length, bytes.length - at);
    if (shared.compare(bytes, at, at + length, 0, length) !== 0) return false;
  }
  return true;
}
