import {
  checkQcow2,
  createQcow2,
  createTableCache,
  openLayer,
  openQcow2,
  rawView,
  readQcow2Header,
  uncached,
  type DiskView,
  type Layer,
  type Qcow2Disk,
} from '../../../src/index.js';
import { MemoryFile } from './memory-file.js';
import { Model } from './model.js';
import { Machine, type Chance, type Disk } from './power.js';

const sector = 512;
const wordsPerSector = sector / 4;
const baseName = '/images/base.img';

/** The bytes of sectors with these contents: the number of each over and over. */
export function sectorsOf(ids: readonly number[]): Uint8Array {
  const words = new Uint32Array(ids.length * wordsPerSector);
  ids.forEach((id, index) => words.fill(id, index * wordsPerSector, (index + 1) * wordsPerSector));
  return new Uint8Array(words.buffer);
}

/** The contents of sectors; undefined for a mixture. */
export function contentsOf(bytes: Uint8Array): (number | undefined)[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / sector }, (_, index) => {
    const at = index * sector;
    const isUniform = all.compare(all, at, at + sector - 4, at + 4, at + sector) === 0;
    return isUniform ? all.readUInt32LE(at) : undefined;
  });
}

/** Sectors of the base hold numbers of their own, but for a hole. */
const baseIds = (sectors: number): number[] =>
  Array.from({ length: sectors }, (_, index) => (index % 300 < 60 ? 0 : 3_000_000_000 + index));

export interface WorldOptions {
  chance: Chance;
  clusterSize: number;
  /** Sectors. */
  size: number;
  baseSize: number;
  withLog: boolean;
  /** Bytes of table pages kept: few, so that they come and go. */
  tableBytes: number;
}

/** A disk's files on a machine that crashes, and what they must hold. */
export class CrashWorld {
  readonly machine: Machine;
  readonly model: Model;
  readonly chance: Chance;
  readonly options: WorldOptions;
  readonly base: DiskView | undefined;
  readonly baseBytes: Uint8Array | undefined;
  /** Overlays by the name under which others find them. */
  readonly names = new Map<string, Disk>();
  current = 'overlay-0';
  private readonly logs = new Map<string, Disk>();
  private sessions = 0;
  private made = 1;

  constructor(options: WorldOptions) {
    const { chance, size, baseSize } = options;
    this.options = options;
    this.chance = chance;
    this.machine = new Machine(chance);
    const ids = baseIds(baseSize);
    if (baseSize > 0) {
      this.baseBytes = sectorsOf(ids);
      this.base = rawView(uncached(new MemoryFile(this.baseBytes)));
    }
    this.model = new Model(Array.from({ length: size }, (_, index) => ids[index] ?? 0));
  }

  private get environment(): Parameters<typeof openQcow2>[0]['environment'] {
    return {
      tables: createTableCache({ bytes: this.options.tableBytes }),
      bootId: `boot-${this.machine.boot}`,
      randomHex: (bytes) => (this.sessions += 1).toString(16).padStart(bytes * 2, '0'),
    };
  }

  private disk(name: string): Disk {
    const disk = this.names.get(name);
    if (disk === undefined) throw new Error(`there is no ${name}`);
    return disk;
  }

  private logOf(name: string): Disk {
    const log = this.logs.get(name) ?? this.machine.create();
    this.logs.set(name, log);
    return log;
  }

  /** Makes the disk, without a crash. */
  async create(): Promise<void> {
    this.names.set(this.current, this.machine.create());
    const { clusterSize, size } = this.options;
    const backing = this.base === undefined ? undefined : { name: baseName, format: 'raw' };
    const file = this.machine.open(this.disk(this.current));
    await this.settle(createQcow2(file, { size: size * sector, clusterSize, backing }));
  }

  /** Opens the disk with all it lies on, as the headers say. */
  async open(): Promise<Qcow2Disk> {
    const { environment } = this;
    const file = this.machine.open(this.disk(this.current));
    const layers = await this.openLayers((await readQcow2Header(file)).backing?.name, environment);
    const log = this.options.withLog ? this.machine.open(this.logOf(this.current)) : undefined;
    return openQcow2({ file, log, layers, base: this.base, environment });
  }

  private async openLayers(name: string | undefined, environment: CrashWorld['environment']): Promise<Layer[]> {
    if (name === undefined || name === baseName) return [];
    const file = this.machine.open(this.disk(name));
    const lower = await this.openLayers((await readQcow2Header(file)).backing?.name, environment);
    return [await openLayer({ file, below: lower[0]?.view ?? this.base, environment }), ...lower];
  }

  async snapshot(disk: Qcow2Disk): Promise<void> {
    const name = `overlay-${this.made++}`;
    const fresh = this.machine.create();
    this.names.set(name, fresh);
    const log = this.options.withLog ? this.machine.open(this.logOf(name)) : undefined;
    const publish = async (): Promise<void> => void (this.current = name);
    await disk.snapshot({ file: this.machine.open(fresh), log, backingName: this.current, publish });
  }

  async flatten(disk: Qcow2Disk): Promise<void> {
    await disk.flatten({
      onto: 'base',
      ...(this.base === undefined ? {} : { backing: { name: baseName, format: 'raw' } }),
    });
  }

  /** Lets the machine work until this is done. */
  async settle<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    watched.catch(() => undefined);
    for (let idle = 0; !isDone; idle++) {
      await tick();
      if (!this.machine.idle) idle = 0;
      if (idle > 100) throw new Error('nothing is under way any more, but the work is not done');
      while (!this.machine.idle) this.machine.step();
    }
    return watched;
  }

  /** The overlays that make up the disk as they are in their files, the uppermost first, to be judged without changing them. */
  async overlays(): Promise<Uint8Array[]> {
    const found: Uint8Array[] = [];
    for (let name: string | undefined = this.current; name !== undefined && name !== baseName;) {
      const bytes = this.disk(name).content();
      found.push(bytes);
      name = (await readQcow2Header(new MemoryFile(bytes))).backing?.name;
    }
    return found;
  }

  /** Whatever a crash has left, no table may contradict another. */
  async requireSoundFile(): Promise<void> {
    const report = await checkQcow2(new MemoryFile(this.disk(this.current).content()));
    if (report.corruptions > 0) throw new Error(`corrupt before repair: ${JSON.stringify(report.problems[0])}`);
  }

  /** Compares all of the disk. `judge` says what is wrong with a sector. */
  async compare(disk: Qcow2Disk, judge: (index: number, id: number) => string | undefined): Promise<void> {
    const bytes = await this.settle(Promise.resolve(disk.read(0, disk.size)));
    const wrong: string[] = [];
    contentsOf(bytes).forEach((id, index) => {
      const fault = id === undefined ? `sector ${index} holds a mixture` : judge(index, id);
      if (fault !== undefined) wrong.push(fault);
    });
    if (wrong.length > 0) throw new Error(`${wrong.length} sectors are wrong: ${wrong.slice(0, 5).join('; ')}`);
  }
}

/** Lets everything run that waits for nothing. */
export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
