import type { FileHandle } from 'node:fs/promises';
import { runTool } from './tool.js';

/** Bytes of a file, half-open. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** `  0:  4096.. 8191:  34816.. 38911:  4096: flags`: the second and third number are the first and last byte of an extent. */
const extentLine = /^\s*\d+:\s*(\d+)\.\.\s*(\d+):/;
/** The last line. Without it the list was cut, and what is not on it is not known to be a hole. */
const lastLine = /: \d+ extents? found\s*$/;

/** The extents that `filefrag -v -b1` of e2fsprogs lists, in order; undefined where it was not told all of them. */
export function parseExtents(text: string): Range[] | undefined {
  if (!lastLine.test(text)) return undefined;
  return text.split('\n').flatMap((line) => {
    const [, first, last] = extentLine.exec(line) ?? [];
    return last === undefined ? [] : [{ from: Number(first), to: Number(last) + 1 }];
  });
}

/** Which parts of [from, to) are data and which are holes, alternating and without gaps. */
export function split({ from, to }: Range, extents: readonly Range[]): (Range & { readonly hole: boolean })[] {
  const pieces: (Range & { hole: boolean })[] = [];
  let at = from;
  for (const extent of extents) {
    const [start, end] = [Math.max(extent.from, at), Math.min(extent.to, to)];
    if (end <= start) continue;
    if (start > at) pieces.push({ from: at, to: start, hole: true });
    pieces.push({ from: start, to: end, hole: false });
    at = end;
  }
  if (at < to) pieces.push({ from: at, to, hole: true });
  return pieces;
}

/**
 * Where a file has its data, as the file system tells (FIEMAP, after what waits in memory was written); undefined where it does not tell. Node has no
 * SEEK_HOLE, and to read a hole costs as much as to read data: the kernel makes pages full of zeros and keeps them.
 */
export const dataRanges = async (file: FileHandle, signal: AbortSignal): Promise<Range[] | undefined> => {
  const args = ['-v', '-b1', '-s', `/proc/${process.pid}/fd/${file.fd}`];
  const text = await runTool({ command: 'filefrag', args, signal, subject: 'The image' }).catch(() => '');
  signal.throwIfAborted();
  return parseExtents(text);
};
