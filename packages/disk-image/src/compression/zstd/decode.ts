import { getUint64, viewOf } from '../../bytes.js';
import { ZstdDamage } from './bits.js';
import { maxBlockSize } from './format.js';
import { readLiterals, type LiteralsMemory } from './literals.js';
import { Output, OutputFull } from './output.js';
import { runSequences, type SequencesMemory } from './sequences.js';

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const blockHeaderLength = 3;
const checksumLength = 4;

interface FrameHeader {
  /** Bytes the frame gives, when it says so. */
  contentSize: number | undefined;
  hasChecksum: boolean;
  length: number;
}

/** RFC 8878, 3.1.1.1. The window size is read over: the whole output is kept, so any window fits. */
function parseFrameHeader(bytes: Uint8Array): FrameHeader {
  const descriptor = bytes[4];
  if (descriptor === undefined) throw new ZstdDamage('a frame header is cut short');
  if ((descriptor & 0x08) !== 0) throw new ZstdDamage('a frame of an unknown kind');
  const single = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >>> 6;
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeLength = [single ? 1 : 0, 2, 4, 8][sizeCode] as number;
  const dictionaryAt = 5 + (single ? 0 : 1);
  const sizeAt = dictionaryAt + dictionaryLength;
  const length = sizeAt + sizeLength;
  if (length > bytes.length) throw new ZstdDamage('a frame header is cut short');
  if (bytes.subarray(dictionaryAt, sizeAt).some((byte) => byte !== 0)) throw new ZstdDamage('it needs a dictionary');
  const view = viewOf(bytes);
  const sizes = {
    0: () => undefined,
    1: () => view.getUint8(sizeAt),
    2: () => view.getUint16(sizeAt, true) + 256,
    4: () => view.getUint32(sizeAt, true),
    8: () => getUint64(view, sizeAt, 'The content size of the zstd frame'),
  };
  return {
    contentSize: sizes[sizeLength as keyof typeof sizes](),
    hasChecksum: (descriptor & 0x04) !== 0,
    length,
  };
}

interface FrameMemory extends LiteralsMemory, SequencesMemory {}

function decodeBlock(type: number, bytes: Uint8Array, memory: FrameMemory, output: Output): void {
  if (type !== 2) throw new ZstdDamage('a block of an unknown kind');
  const { literals, length } = readLiterals(bytes, memory);
  runSequences(bytes.subarray(length), literals, memory, output);
}

/** Decodes blocks up to the last one and returns where it ends. */
function decodeBlocks(bytes: Uint8Array, from: number, output: Output): number {
  const memory: FrameMemory = { huffman: undefined, tables: {}, offsets: [1, 4, 8] };
  for (let at = from; ;) {
    if (at + blockHeaderLength > bytes.length) throw new ZstdDamage('it ends too early');
    const header = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    const start = at + blockHeaderLength;
    const end = start + (type === 1 ? 1 : size);
    if (size > maxBlockSize) throw new ZstdDamage(`a block of ${size} bytes`);
    if (end > bytes.length) throw new ZstdDamage('it ends too early');
    if (type === 0) output.append(bytes, start, end);
    else if (type === 1) output.fill(bytes[start] as number, size);
    else decodeBlock(type, bytes.subarray(start, end), memory, output);
    at = end;
    if ((header & 1) !== 0) return at;
  }
}

/** Decodes one frame at the start of `bytes` and returns its length. */
function decodeFrame(bytes: Uint8Array, limit: number, output: Output): number {
  const header = parseFrameHeader(bytes);
  if (header.contentSize !== undefined && header.contentSize > limit) throw new OutputFull();
  output.startFrame();
  const before = output.result().length;
  const end = decodeBlocks(bytes, header.length, output) + (header.hasChecksum ? checksumLength : 0);
  if (end > bytes.length) throw new ZstdDamage('its checksum is cut short');
  const made = output.result().length - before;
  if (header.contentSize === undefined || header.contentSize === made) return end;
  throw new ZstdDamage(`it gives ${made} bytes instead of ${header.contentSize}`);
}

/**
 * Decompresses zstd frames (RFC 8878) into at most `limit` bytes. Written for hostile input: each block gives at
 * most 128 KiB, and nothing is allocated because a header asks for it. The content checksum is not verified. Bytes
 * behind the last frame are an error, unless `ignoreTrailing`. Throws `ZstdDamage` and `OutputFull`.
 */
export function decodeZstd(bytes: Uint8Array, limit: number, ignoreTrailing: boolean): Uint8Array {
  const output = new Output(bytes.length * 4, limit);
  let frames = 0;
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    const magic = rest.length < 8 ? 0 : viewOf(rest).getUint32(0, true);
    if (magic === frameMagic) {
      at += decodeFrame(rest, limit, output);
      frames += 1;
    } else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
      at += 8 + viewOf(rest).getUint32(4, true);
    } else if (ignoreTrailing && frames > 0) {
      break;
    } else {
      throw new ZstdDamage('bytes that are no zstd frame');
    }
  }
  return output.result();
}
