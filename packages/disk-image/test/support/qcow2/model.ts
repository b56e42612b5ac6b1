/** One write to a sector. */
interface Version {
  readonly id: number;
  answered: boolean;
}

/** What was asked of some sectors, until it is answered. */
export type Pending = Map<number, Version>;

/** A read under way, and what it may find in each of its sectors. */
export interface Reading {
  readonly first: number;
  readonly allowed: Set<number>[];
}

/**
 * What a disk may show after a crash: for each sector of 512 bytes the content that was last flushed and everything written later. A content is
 * told by a number: 0 for zeros.
 */
export class Model {
  /** Sectors. */
  size: number;
  private readonly stable: number[];
  private readonly later = new Map<number, Version[]>();
  private readonly readings = new Set<Reading>();

  constructor(contents: readonly number[]) {
    this.stable = [...contents];
    this.size = contents.length;
  }

  /** A write of these sectors begins. */
  begin(first: number, count: number, idOf: (index: number) => number): Pending {
    const pending: Pending = new Map();
    for (let index = first; index < first + count; index++) {
      const version = { id: idOf(index), answered: false };
      pending.set(index, version);
      for (const { first: start, allowed } of this.readings) allowed[index - start]?.add(version.id);
      const there = this.later.get(index);
      if (there === undefined) this.later.set(index, [version]);
      else there.push(version);
    }
    return pending;
  }

  /** A read of these sectors begins: it finds what was answered last, or anything newer. */
  beginRead(first: number, count: number): Reading {
    const allowed = Array.from({ length: count }, (_, each) => {
      const versions = this.later.get(first + each) ?? [];
      const last = versions.findLastIndex(({ answered }) => answered);
      const newer = versions.slice(Math.max(0, last)).map(({ id }) => id);
      return new Set(last < 0 ? [this.stable[first + each] as number, ...newer] : newer);
    });
    const reading = { first, allowed };
    this.readings.add(reading);
    return reading;
  }

  /** Says what is wrong with what a read has found. */
  endRead(reading: Reading, found: readonly (number | undefined)[]): string | undefined {
    this.readings.delete(reading);
    const at = found.findIndex((id, each) => id === undefined || reading.allowed[each]?.has(id) !== true);
    if (at < 0) return undefined;
    return `a read of sector ${reading.first + at} found ${found[at]}, not one of ${[...(reading.allowed[at] ?? [])].join(', ')}`;
  }

  /** The process that was reading has gone. */
  forgetReads(): void {
    this.readings.clear();
  }

  answer(pending: Pending): void {
    for (const version of pending.values()) version.answered = true;
  }

  /** What a flush that begins now has to keep. */
  answered(): Pending {
    const found: Pending = new Map();
    for (const [index, versions] of this.later) {
      const last = versions.findLast(({ answered }) => answered);
      if (last !== undefined) found.set(index, last);
    }
    return found;
  }

  /** These versions are durable. */
  flushed(kept: Pending): void {
    for (const [index, version] of kept) {
      const versions = this.later.get(index) ?? [];
      const at = versions.indexOf(version);
      if (at < 0) continue;
      this.stable[index] = version.id;
      if (at === versions.length - 1) this.later.delete(index);
      else this.later.set(index, versions.slice(at + 1));
    }
  }

  /** The size has changed; what is new reads as zeros, durably. */
  resize(size: number): void {
    for (let index = Math.min(size, this.size); index < Math.max(size, this.size); index++) {
      this.stable[index] = 0;
      this.later.delete(index);
    }
    this.size = size;
  }

  /** The power was cut. Returns what is wrong with what a sector shows, and takes it for its content. */
  afterPowerCut(index: number, id: number): string | undefined {
    const versions = this.later.get(index) ?? [];
    const allowed = [this.stable[index], ...versions.map((version) => version.id)];
    this.stable[index] = id;
    this.later.delete(index);
    return allowed.includes(id) ? undefined : `sector ${index} shows ${id}, not one of ${allowed.join(', ')}`;
  }

  /** The process was killed: nothing that was answered may be lost. */
  afterKill(index: number, id: number): string | undefined {
    const versions = this.later.get(index) ?? [];
    const from = versions.findLastIndex(({ answered }) => answered);
    const at = versions.findIndex((version, each) => each >= from && version.id === id);
    if (at < 0) {
      if (from < 0 && this.stable[index] === id) this.later.delete(index);
      else return `sector ${index} shows ${id}, not ${versions[from]?.id ?? this.stable[index]} or what was on its way`;
      return undefined;
    }
    versions.length = at + 1;
    (versions[at] as Version).answered = true;
    return undefined;
  }

  /** What must be there while nothing is on its way. */
  expected(index: number): number {
    return this.later.get(index)?.at(-1)?.id ?? (this.stable[index] as number);
  }
}
