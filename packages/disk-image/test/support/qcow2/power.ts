import type { BlockFile, Extent } from '../../../src/index.js';
import { SparseBytes } from './sparse-bytes.js';

/** Numbers from 0 to 1. */
export type Chance = () => number;

const sector = 512;

interface Operation {
  readonly file: CrashFile;
  /** Takes effect, in part when a crash interrupts it. */
  readonly apply: (share: number) => void;
  readonly resolve: () => void;
  /** Overtaken by many others. */
  readonly slow: boolean;
}

/**
 * A computer whose files can be cut off. Nothing that is asked of a file happens before `step` picks it, in any order; `kill` ends the process
 * and keeps what the kernel had, `cutPower` also loses, reorders and tears what was written since the last sync.
 */
export class Machine {
  readonly chance: Chance;
  boot = 1;
  /** Which process has the files that are opened now. */
  life = 1;
  private operations: Operation[] = [];
  private readonly disks = new Set<Disk>();
  /** How many operations have taken effect. */
  steps = 0;

  constructor(chance: Chance) {
    this.chance = chance;
  }

  create(): Disk {
    const disk = new Disk();
    this.disks.add(disk);
    return disk;
  }

  remove(disk: Disk): void {
    this.disks.delete(disk);
  }

  open(disk: Disk): CrashFile {
    return new CrashFile(this, disk);
  }

  submit(file: CrashFile, apply: (share: number) => void): Promise<void> {
    // What a process was about to ask for when it was killed.
    if (file.life !== this.life) return new Promise(() => undefined);
    return new Promise((resolve) => this.operations.push({ file, apply, resolve, slow: this.chance() < 0.1 }));
  }

  get idle(): boolean {
    return this.operations.length === 0;
  }

  /** Lets one operation take effect. */
  step(): void {
    let index = Math.floor(this.chance() * this.operations.length);
    if (this.operations[index]?.slow === true && this.chance() < 0.95) {
      const quick = this.operations.findIndex(({ slow }) => !slow);
      if (quick >= 0) index = quick;
    }
    const [operation] = this.operations.splice(index, 1);
    operation?.apply(1);
    operation?.resolve();
    this.steps += 1;
  }

  /** Ends the process: what it had asked for takes effect in part or not, and nobody hears of it. */
  kill(): void {
    this.life += 1;
    // Calls in the kernel end in any order; each may be cut short.
    while (!this.idle) {
      const [operation] = this.operations.splice(Math.floor(this.chance() * this.operations.length), 1);
      if (this.chance() < 0.5) operation?.apply(this.chance() < 0.5 ? 1 : this.chance());
    }
  }

  cutPower(): void {
    this.kill();
    this.boot += 1;
    const mood = moods[Math.floor(this.chance() * moods.length)] as Mood;
    for (const disk of this.disks) disk.losePower(this.chance, mood);
  }
}

/** How likely what is before and behind some place of a disk reaches it. */
interface Mood {
  front: number;
  back: number;
}

const moods: Mood[] = [
  { front: 0, back: 0 },
  { front: 1, back: 1 },
  { front: 0.5, back: 0.5 },
  { front: 1, back: 0 },
  { front: 0, back: 1 },
  { front: 0.95, back: 0.05 },
  { front: 0.1, back: 0.9 },
  { front: 0.9, back: 0.9 },
];

/** Whole sectors as they were after a write. */
interface Unsynced {
  readonly first: number;
  readonly bytes: Uint8Array;
}

/** What is on a drive, and what the kernel holds of it. */
export class Disk {
  /** As reads see it. */
  readonly cached = new SparseBytes();
  size = 0;
  /** As it is without power. */
  private readonly durable = new SparseBytes();
  private durableSize = 0;
  /** Writes since the last sync. */
  private unsynced: Unsynced[] = [];
  private syncs = 0;
  private lastSync = 0;

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.cached.write(offset, bytes);
    this.size = Math.max(this.size, offset + bytes.length);
    this.note(offset, offset + bytes.length);
  }

  clear(offset: number, length: number): void {
    this.cached.clear(offset, offset + length);
    this.note(offset, offset + length);
  }

  truncate(size: number): void {
    if (size < this.size) this.clear(size, this.size - size);
    this.size = size;
  }

  private note(from: number, to: number): void {
    const first = Math.floor(from / sector);
    const length = Math.ceil(to / sector) * sector - first * sector;
    this.unsynced.push({ first, bytes: this.cached.slice(first * sector, length) });
  }

  /** What a sync that begins now will make durable. */
  beginSync(): () => void {
    const { size } = this;
    const number = (this.syncs += 1);
    const last = this.unsynced.at(-1);
    return () => {
      if (number > this.lastSync) [this.lastSync, this.durableSize] = [number, size];
      // Another sync may have made it durable already.
      const count = last === undefined ? 0 : this.unsynced.indexOf(last) + 1;
      for (const { first, bytes } of this.unsynced.splice(0, count)) this.durable.write(first * sector, bytes);
    };
  }

  losePower(chance: Chance, mood: Mood): void {
    const pivot = Math.floor(chance() * (this.size / sector));
    const before = Math.max(this.size, this.durableSize);
    let end = chance() < 0.5 ? this.durableSize : before;
    const writes = this.unsynced;
    // Writes may have been reordered: any of them may be the one that stays.
    const inOrder = chance() < 0.6 ? writes : shuffled(writes, chance);
    for (const { first, bytes } of inOrder) {
      for (let at = 0; at < bytes.length; at += sector) {
        const index = first + at / sector;
        if (chance() >= (index < pivot ? mood.front : mood.back)) continue;
        this.durable.write(index * sector, bytes.subarray(at, at + sector));
        end = Math.max(end, (index + 1) * sector);
      }
    }
    for (const { first, bytes } of writes) {
      const at = first * sector;
      this.cached.write(at, this.durable.slice(at, bytes.length));
    }
    for (const bytes of [this.durable, this.cached]) bytes.clear(end, Math.max(end, before + sector));
    this.unsynced = [];
    this.durableSize = this.size = end;
  }

  content(): Uint8Array {
    return this.cached.slice(0, this.size);
  }
}

function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  const found = [...items];
  for (let at = found.length - 1; at > 0; at--) {
    const other = Math.floor(chance() * (at + 1));
    [found[at], found[other]] = [found[other] as T, found[at] as T];
  }
  return found;
}

/** An open file of one process on that machine. */
export class CrashFile implements BlockFile {
  readonly life: number;
  private readonly machine: Machine;
  private readonly disk: Disk;

  constructor(machine: Machine, disk: Disk) {
    this.machine = machine;
    this.life = machine.life;
    this.disk = disk;
  }

  get size(): number {
    return this.disk.size;
  }

  readInto(offset: number, target: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.machine.submit(this, () => {
      let at = offset;
      for (const each of target instanceof Uint8Array ? [target] : target) {
        this.disk.cached.read(at, each);
        if (at + each.length > this.size) each.fill(0, Math.max(0, this.size - at));
        at += each.length;
      }
    });
  }

  write(offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const all = Buffer.concat(bytes instanceof Uint8Array ? [bytes] : bytes);
    return this.machine.submit(this, (share) => {
      // What is interrupted leaves a beginning.
      const length = share === 1 ? all.length : Math.floor((share * all.length) / sector) * sector;
      this.disk.write(offset, all.subarray(0, length));
    });
  }

  datasync(): Promise<void> {
    const finish = this.disk.beginSync();
    return this.machine.submit(this, (share) => {
      if (share === 1) finish();
    });
  }

  truncate(size: number): Promise<void> {
    return this.machine.submit(this, (share) => {
      if (share === 1) this.disk.truncate(size);
    });
  }

  punch(ranges: readonly Extent[]): Promise<void> {
    return this.machine.submit(this, (share) => {
      for (const { offset, length } of ranges.slice(0, Math.ceil(share * ranges.length)))
        this.disk.clear(offset, length);
    });
  }

  async close(): Promise<void> {}
}
