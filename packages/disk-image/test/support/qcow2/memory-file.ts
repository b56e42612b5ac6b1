import type { BlockFile, Extent } from '../../../src/index.js';

/** A file in memory, which does at once what it is asked and counts it. */
export class MemoryFile implements BlockFile {
  bytes: Uint8Array;
  size: number;
  reads = 0;
  writes = 0;
  syncs = 0;
  punched: Extent[] = [];
  /** Set: reads are answered at once, unless it says no; then half of the target is filled. */
  isInMemory: (() => boolean) | undefined;
  /** Throws instead of doing it. */
  failing: Partial<Record<'read' | 'write' | 'datasync' | 'punch', Error>> = {};

  /** Takes the bytes as they are, without a copy. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  private reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(size, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.size));
    this.bytes = larger;
  }

  async readInto(offset: number, target: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.failing.read !== undefined) throw this.failing.read;
    this.reads += 1;
    let at = offset;
    for (const each of target instanceof Uint8Array ? [target] : target) {
      each.fill(0);
      each.set(this.bytes.subarray(Math.min(at, this.size), Math.min(this.size, at + each.length)));
      at += each.length;
    }
  }

  readNow(offset: number, target: Uint8Array): boolean {
    if (this.isInMemory === undefined) return false;
    const isWhole = this.isInMemory() && offset + target.length <= this.size;
    const part = isWhole ? target : target.subarray(0, target.length >> 1);
    part.set(this.bytes.subarray(Math.min(offset, this.size), Math.min(this.size, offset + part.length)));
    return isWhole;
  }

  async write(offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.failing.write !== undefined) throw this.failing.write;
    this.writes += 1;
    let at = offset;
    for (const each of bytes instanceof Uint8Array ? [bytes] : bytes) {
      this.reserve(at + each.length);
      this.size = Math.max(this.size, at + each.length);
      this.bytes.set(each, at);
      at += each.length;
    }
  }

  async datasync(): Promise<void> {
    if (this.failing.datasync !== undefined) throw this.failing.datasync;
    this.syncs += 1;
  }

  async truncate(size: number): Promise<void> {
    this.reserve(size);
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  async punch(ranges: readonly Extent[]): Promise<void> {
    if (this.failing.punch !== undefined) throw this.failing.punch;
    this.punched.push(...ranges);
    for (const { offset, length } of ranges) this.bytes.fill(0, offset, Math.min(this.size, offset + length));
  }

  async close(): Promise<void> {}

  /** What is in the file. */
  content(): Uint8Array {
    return this.bytes.slice(0, this.size);
  }
}
