const sector = 512;

/** A change of a disk, as the workload tells of it. */
export interface Change {
  readonly id: number;
  readonly kind: 'write' | 'zero' | 'trim' | 'flush';
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly fua: boolean;
}

/** A value that a sector may show. */
interface Value {
  readonly id: number;
  readonly change: Change | undefined;
  /** When it was answered, undefined while it was not. */
  answered: number | undefined;
}

/**
 * What each sector of a disk must show, or may after a crash: the number that it is full of. Changes that are under way at the same time do not
 * overlap.
 */
export class DiskModel {
  private current: Uint32Array;
  /** Values since the last flush that covered them, oldest first, of sectors that have changed. */
  private readonly recent = new Map<number, Value[]>();
  private readonly underWay = new Map<number, { change: Change; sentAt: number }>();
  private time = 0;
  /** A number that no change has had. */
  nextId = 1;
  flushes = 0;

  constructor(ids: Uint32Array) {
    this.current = ids;
  }

  get size(): number {
    return this.current.length * sector;
  }

  /** All bytes, when no change is under way. */
  bytes(): Buffer {
    const words = new Uint32Array(this.current.length * (sector / 4));
    this.current.forEach((id, index) => words.fill(id, (index * sector) / 4, ((index + 1) * sector) / 4));
    return Buffer.from(words.buffer);
  }

  resize(size: number): void {
    const ids = new Uint32Array(size / sector);
    ids.set(this.current.subarray(0, ids.length));
    this.current = ids;
  }

  sent(change: Change): void {
    this.nextId = Math.max(this.nextId, change.id + 1);
    this.underWay.set(change.id, { change, sentAt: (this.time += 1) });
    if (change.kind === 'flush') return;
    const id = change.kind === 'write' ? change.id : 0;
    for (const index of sectorsOf(change)) {
      const values = this.recent.get(index) ?? [{ id: this.current[index]!, change: undefined, answered: 0 }];
      values.push({ id, change, answered: undefined });
      this.recent.set(index, values);
    }
  }

  /** A change was answered. Not `durable`: nothing is known of what it promised to keep. */
  done(id: number, durable = true): void {
    const { change, sentAt } = this.underWay.get(id)!;
    this.underWay.delete(id);
    this.time += 1;
    if (change.kind === 'flush') {
      if (!durable) return;
      this.flushes += 1;
      for (const index of [...this.recent.keys()]) this.forgetBefore(index, sentAt);
      return;
    }
    for (const index of sectorsOf(change)) {
      const value = this.recent.get(index)!.find((each) => each.change === change)!;
      value.answered = this.time;
      this.current[index] = value.id;
      if (change.fua && durable) this.forgetBefore(index, this.time);
    }
  }

  /** Everything that was answered by then is durable. */
  private forgetBefore(index: number, time: number): void {
    const values = this.recent.get(index)!;
    const last = values.findLastIndex(({ answered }) => answered !== undefined && answered <= time);
    values.splice(0, last);
    if (values.length === 1 && values[0]!.answered !== undefined) this.recent.delete(index);
  }

  /**
   * Judges what a disk shows after a crash, and goes on with that. After the end of the process everything that was answered must be there, after
   * that of the machine what was flushed; what was not answered may be there or not, sector by sector.
   */
  judge(bytes: Buffer, after: 'kill' | 'new-boot'): string[] {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const wrong: string[] = [];
    for (let index = 0; index < this.current.length; index++) {
      const at = index * sector;
      const id = words[at / 4]!;
      const isWhole = bytes.compare(bytes, at, at + sector - 4, at + 4, at + sector) === 0;
      const allowed = this.allowed(index, after);
      if (!isWhole || !allowed.includes(id)) {
        wrong.push(`sector ${index} shows ${isWhole ? id : 'a mixture'}, not ${allowed.join(' or ')}`);
      }
      this.current[index] = id;
    }
    this.recent.clear();
    this.underWay.clear();
    return wrong;
  }

  private allowed(index: number, after: 'kill' | 'new-boot'): number[] {
    const values = this.recent.get(index);
    if (values === undefined) return [this.current[index]!];
    const from = after === 'kill' ? values.findLastIndex(({ answered }) => answered !== undefined) : 0;
    return values.slice(from).map(({ id }) => id);
  }
}

function* sectorsOf({ offset, length }: Change): Generator<number> {
  for (let at = offset; at < offset + length; at += sector) yield at / sector;
}
