import { viewOf } from '../bytes.js';
import { decodeShortName, shortNameChecksum } from './names.js';

const attribute = { volumeLabel: 0x08, directory: 0x10, longName: 0x0f, mask: 0x3f };
const entrySize = 32;
/** Places of the 13 UTF-16 units in a long-name entry. */
const unitPlaces = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
const maxLongEntries = 20;

/** One entry of a directory, with its long name when it has one. */
export interface DirectoryRecord {
  name: string;
  kind: 'file' | 'directory' | 'label';
  cluster: number;
  size: number;
  mtime?: Date;
}

/** Collects the long-name entries that stand before a short one, last part first. */
class LongName {
  private units: number[] = [];
  private expected = 0;
  private checksum = 0;

  add(view: DataView): void {
    const order = view.getUint8(0);
    const place = order & 0x3f;
    const checksum = view.getUint8(13);
    if ((order & 0x40) !== 0 && place >= 1 && place <= maxLongEntries) {
      this.units = [];
      this.checksum = checksum;
    } else if (place !== this.expected || place === 0 || checksum !== this.checksum) {
      return this.drop();
    }
    this.expected = place - 1;
    this.units.unshift(...unitPlaces.map((at) => view.getUint16(at, true)));
  }

  drop(): void {
    this.units = [];
    this.expected = -1;
  }

  /** The name, when it is whole and belongs to this short entry. Left-overs of other systems are ignored. */
  take(shortEntry: Uint8Array): string | undefined {
    const whole = this.units.length > 0 && this.expected === 0 && this.checksum === shortNameChecksum(shortEntry);
    const units = this.units;
    this.drop();
    if (!whole) return undefined;
    const end = units.indexOf(0);
    return String.fromCharCode(...(end === -1 ? units : units.slice(0, end)));
  }
}

function decodeTime(date: number, time: number): Date | undefined {
  const month = (date >>> 5) & 15;
  const day = date & 31;
  if (month < 1 || month > 12 || day < 1) return undefined;
  return new Date(Date.UTC(1980 + (date >>> 9), month - 1, day, time >>> 11, (time >>> 5) & 63, (time & 31) * 2));
}

function kindOf(attributes: number): DirectoryRecord['kind'] {
  if ((attributes & attribute.volumeLabel) !== 0) return 'label';
  return (attributes & attribute.directory) !== 0 ? 'directory' : 'file';
}

function parseEntry(entry: Uint8Array, view: DataView, longName: string | undefined, wide: boolean): DirectoryRecord {
  const kind = kindOf(view.getUint8(11));
  const high = wide ? view.getUint16(20, true) : 0;
  const mtime = decodeTime(view.getUint16(24, true), view.getUint16(22, true));
  return {
    name: longName ?? decodeShortName(entry, kind === 'label' ? 0 : view.getUint8(12)),
    kind,
    cluster: ((high << 16) | view.getUint16(26, true)) & 0x0fffffff,
    size: view.getUint32(28, true),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

const isDots = (entry: Uint8Array): boolean => /^\.{1,2} +$/u.test(String.fromCharCode(...entry.subarray(0, 11)));

/**
 * The entries of one directory up to its end mark, without deleted ones, `.` and `..`. `wide` says that cluster
 * numbers have 32 bits.
 */
export function parseDirectory(bytes: Uint8Array, wide: boolean): DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  const pending = new LongName();
  for (let at = 0; at + entrySize <= bytes.length; at += entrySize) {
    const entry = bytes.subarray(at, at + entrySize);
    const first = entry[0];
    if (first === 0) break;
    if (first === 0xe5) {
      pending.drop();
      continue;
    }
    const view = viewOf(entry);
    if ((view.getUint8(11) & attribute.mask) === attribute.longName) {
      pending.add(view);
      continue;
    }
    const longName = pending.take(entry);
    if (longName === undefined && isDots(entry)) continue;
    records.push(parseEntry(entry, view, longName, wide));
  }
  return records;
}
