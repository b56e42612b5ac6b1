import { bufferOf, viewOf } from '../bytes.js';
import type { RootArchitecture } from './types.js';

export interface ProgramFacts {
  architecture: RootArchitecture;
  /** Least ARM architecture of a 32-bit program, when it says so. */
  armVersion?: number;
}

const machine = { arm: 40, arm64: 183 } as const;
/** ELF for the ARM architecture (IHI 0044): e_flags bits, section type, attribute tags. */
const hardFloat = 0x400;
const attributesType = 0x70000003;
const tag = { file: 1, cpuArch: 6, vfpArgs: 28, compatibility: 32 } as const;
const textTags = new Set([4, 5, 65, 67]);
/** Tag_CPU_arch to version: v5TE is 4, v6 is 6, v7 is 10. */
const versions = [3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 6, 6, 7, 8];
const maxSections = 512;

/** What an ELF program is made for, or undefined when the bytes are none. Never throws. */
export function inspectProgram(bytes: Uint8Array): ProgramFacts | undefined {
  if (bytes.length < 64 || bufferOf(bytes).toString('latin1', 0, 4) !== '\x7fELF') return undefined;
  const view = viewOf(bytes);
  const little = view.getUint8(5) === 1;
  const kind = view.getUint16(18, true);
  if (little && kind === machine.arm64) return { architecture: 'arm64' };
  if (!little || kind !== machine.arm || view.getUint8(4) !== 1) return { architecture: 'other' };
  const attributes = findAttributes(bytes);
  const version = versions[attributes.get(tag.cpuArch) ?? -1];
  const hard = (view.getUint32(36, true) & hardFloat) !== 0 || attributes.get(tag.vfpArgs) === 1;
  return { architecture: hard ? 'armhf' : 'armel', ...(version === undefined ? {} : { armVersion: version }) };
}

/** The numeric attributes of the section that says what a program was built for. */
function findAttributes(bytes: Uint8Array): Map<number, number> {
  const view = viewOf(bytes);
  const tableAt = view.getUint32(32, true);
  const entrySize = view.getUint16(46, true);
  const count = Math.min(view.getUint16(48, true), maxSections);
  for (let i = 0; i < count; i++) {
    const at = tableAt + i * entrySize;
    if (entrySize < 40 || at + 40 > bytes.length) break;
    if (view.getUint32(at + 4, true) !== attributesType) continue;
    const start = view.getUint32(at + 16, true);
    return parseAttributes(bytes.subarray(start, start + view.getUint32(at + 20, true)));
  }
  return new Map();
}

/** Reads numbers and texts one after the other; past the end everything is 0 and empty. */
class Cursor {
  private at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  uint32(): number {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }

  uleb(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) break;
    }
    return value;
  }

  skipText(): void {
    while (!this.atEnd && this.byte() !== 0);
  }
}

/** Format "A", one vendor section, one subsection for the whole file: that is what compilers write. */
function parseAttributes(bytes: Uint8Array): Map<number, number> {
  const found = new Map<number, number>();
  const cursor = new Cursor(bytes, 0);
  if (cursor.byte() !== 0x41) return found;
  cursor.uint32();
  cursor.skipText();
  if (cursor.byte() !== tag.file) return found;
  cursor.uint32();
  while (!cursor.atEnd) {
    const name = cursor.uleb();
    if (name === tag.compatibility) cursor.uleb();
    const isText = textTags.has(name) || name === tag.compatibility || (name > 32 && name % 2 === 1);
    if (isText) cursor.skipText();
    else found.set(name, cursor.uleb());
  }
  return found;
}
