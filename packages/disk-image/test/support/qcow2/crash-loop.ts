import type { Qcow2Disk } from '../../../src/index.js';
import { createRandom } from '../runs.js';
import { contentsOf, CrashWorld, sectorsOf, tick, type WorldOptions } from './crash-world.js';
import type { Chance } from './power.js';

export interface CrashLoopResult {
  moments: number;
  powerCuts: number;
  kills: number;
  /** Crashes while a disk was being opened after one. */
  whileOpening: number;
  /** Operations of files that took effect. */
  steps: number;
  /** Changes asked of disks. */
  changes: number;
  snapshots: number;
  flattened: number;
  resized: number;
}

export interface CrashLoopOptions {
  seed: number;
  moments: number;
  /** Called with the world after each crash, before anything is repaired; when the disk is open again; and when it was closed in order. */
  afterCrash?: (world: CrashWorld, moment: number) => Promise<void>;
  afterRepair?: (world: CrashWorld, moment: number) => Promise<void>;
  afterClose?: (world: CrashWorld, moment: number) => Promise<void>;
}

/** Crashes in the life of one disk. */
const crashesPerDisk = 12;

const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T;
const between = (chance: Chance, low: number, high: number): number => low + Math.floor(chance() * (high - low + 1));

function optionsFor(chance: Chance): WorldOptions {
  const clusterSize = pick(chance, [4096, 4096, 8192, 65536]);
  const perCluster = clusterSize / 512;
  const size = between(chance, 20, clusterSize === 65536 ? 24 : 300) * perCluster - pick(chance, [0, 0, 1, 3]);
  return {
    chance,
    clusterSize,
    size,
    baseSize: pick(chance, [0, size, Math.floor(size / 2), size + 5 * perCluster]),
    withLog: chance() < 0.85,
    tableBytes: pick(chance, [9000, 1024 * 1024]),
  };
}

/** Crashes disks at random moments. Throws, with the seed of that disk, when one has lost something. */
export async function runCrashLoop(options: CrashLoopOptions): Promise<CrashLoopResult> {
  const result: CrashLoopResult = {
    moments: 0,
    powerCuts: 0,
    kills: 0,
    whileOpening: 0,
    steps: 0,
    changes: 0,
    snapshots: 0,
    flattened: 0,
    resized: 0,
  };
  for (let life = 0; result.moments < options.moments; life++) {
    const seed = options.seed * 100_003 + life;
    try {
      await new Life(createRandom(seed), options, result).run();
    } catch (error) {
      throw new Error(`disk of seed ${seed}, moment ${result.moments}: ${String(error)}`, { cause: error });
    }
  }
  return result;
}

/** One disk from its creation through many crashes. */
export class Life {
  private readonly chance: Chance;
  private readonly options: CrashLoopOptions;
  private readonly result: CrashLoopResult;
  private readonly world: CrashWorld;
  private nextId = 1;
  private readonly changing = new Set<Promise<void>>();
  private wholeDisk: Promise<void> | undefined;
  /** The size that a resize under way asks for, in sectors. */
  private wanted: number | undefined;
  private fault: unknown;

  constructor(chance: Chance, options: CrashLoopOptions, result: CrashLoopResult) {
    this.chance = chance;
    this.options = options;
    this.result = result;
    this.world = new CrashWorld(optionsFor(chance));
  }

  async run(): Promise<void> {
    const { world, chance, result } = this;
    await world.create();
    let disk = await world.settle(world.open());
    for (let crash = 0; crash < crashesPerDisk && result.moments < this.options.moments; crash++) {
      await this.work(disk, between(chance, 1, pick(chance, [10, 60, 200])));
      let kind = await this.crash();
      for (;;) {
        await world.requireSoundFile();
        const opened = await this.tryOpen();
        if (opened !== undefined) {
          disk = opened;
          break;
        }
        result.whileOpening += 1;
        const next = await this.crash();
        if (next === 'power') kind = 'power';
      }
      await this.judge(disk, kind);
      await this.options.afterRepair?.(world, result.moments);
      if (chance() < 0.15) disk = await this.closeAndOpen(disk);
    }
    result.steps += world.machine.steps;
  }

  /** Lets clients change the disk for some steps of the machine. */
  private async work(disk: Qcow2Disk, steps: number): Promise<void> {
    const { world, chance } = this;
    const stop = { now: false };
    const clients = Array.from({ length: between(chance, 1, 6) }, () => this.client(disk, stop));
    for (const each of clients) each.catch((error: unknown) => (this.fault ??= error));
    for (let step = 0, idle = 0; step < steps; idle++) {
      await tick();
      if (this.fault !== undefined) throw this.fault as Error;
      if (idle > 100) throw new Error('the clients wait for nothing that is under way');
      if (world.machine.idle) continue;
      for (let count = between(chance, 1, 3); count > 0 && !world.machine.idle; count--) world.machine.step();
      step += 1;
      idle = 0;
    }
    await tick();
    stop.now = true;
  }

  private async client(disk: Qcow2Disk, stop: { now: boolean }): Promise<void> {
    while (!stop.now) {
      // What changes the whole disk is done while nothing else is asked of it, so that the model stays simple.
      if (this.wholeDisk === undefined && this.chance() < 0.02) {
        const before = Promise.all(this.changing);
        this.wholeDisk = before.then(() => this.changeWhole(disk)).finally(() => (this.wholeDisk = undefined));
      }
      if (this.wholeDisk !== undefined) await this.wholeDisk;
      else {
        const change = this.change(disk);
        this.changing.add(change);
        await change.finally(() => this.changing.delete(change));
      }
    }
  }

  private range(most: number): { first: number; count: number } {
    const { model } = this.world;
    const first = Math.floor(this.chance() * (this.chance() < 0.5 ? Math.min(model.size, 200) : model.size));
    return { first, count: Math.min(model.size - first, between(this.chance, 1, most)) };
  }

  private async change(disk: Qcow2Disk): Promise<void> {
    const { chance, world } = this;
    const perCluster = world.options.clusterSize / 512;
    this.result.changes += 1;
    const dice = chance();
    const fua = chance() < 0.1;
    if (dice < 0.15) return this.read(disk, this.range(perCluster * 8));
    if (dice < 0.55) return this.write(disk, this.range(pick(chance, [1, 8, perCluster * 3])), fua);
    if (dice < 0.65) return this.zero(disk, this.range(perCluster * 4), fua);
    if (dice < 0.8) return this.trim(disk, this.range(perCluster * 6), fua);
    if (dice < 0.92) return this.flush(disk);
    if (dice < 0.96) return void (await disk.reclaim());
    await disk.status(0, disk.size, 50);
  }

  private async read(disk: Qcow2Disk, { first, count }: { first: number; count: number }): Promise<void> {
    const { model } = this.world;
    const reading = model.beginRead(first, count);
    const bytes = await disk.read(first * 512, count * 512);
    const fault = model.endRead(reading, contentsOf(bytes));
    if (fault !== undefined) throw new Error(fault);
  }

  private async write(
    disk: Qcow2Disk,
    { first, count }: { first: number; count: number },
    fua: boolean,
  ): Promise<void> {
    const start = this.nextId;
    this.nextId += count;
    const idOf = (index: number): number => start + index - first;
    const bytes = sectorsOf(Array.from({ length: count }, (_, each) => start + each));
    const pending = this.world.model.begin(first, count, idOf);
    await disk.write(first * 512, bytes, { fua });
    this.answered(pending, fua);
  }

  private answered(pending: ReturnType<CrashWorld['model']['begin']>, fua: boolean): void {
    this.world.model.answer(pending);
    if (fua) this.world.model.flushed(pending);
  }

  private async zero(disk: Qcow2Disk, { first, count }: { first: number; count: number }, fua: boolean): Promise<void> {
    const noHole = this.chance() < 0.2;
    const pending = this.world.model.begin(first, count, () => 0);
    await disk.writeZeroes(first * 512, count * 512, { fua, noHole });
    this.answered(pending, fua);
  }

  private async trim(disk: Qcow2Disk, { first, count }: { first: number; count: number }, fua: boolean): Promise<void> {
    const { model, options } = this.world;
    const perCluster = options.clusterSize / 512;
    const from = Math.ceil(first / perCluster) * perCluster;
    const isEnd = first + count === model.size;
    const to = isEnd ? model.size : Math.floor((first + count) / perCluster) * perCluster;
    const pending = model.begin(from, Math.max(0, to - from), () => 0);
    await disk.trim(first * 512, count * 512, { fua });
    this.answered(pending, fua);
  }

  private async flush(disk: Qcow2Disk): Promise<void> {
    const kept = this.world.model.answered();
    await disk.flush();
    this.world.model.flushed(kept);
  }

  private async changeWhole(disk: Qcow2Disk): Promise<void> {
    const { chance, world, result } = this;
    const dice = chance();
    if (dice < 0.4) await this.resize(disk);
    else if (dice < 0.75 && disk.stats().layers < 4) {
      await world.snapshot(disk);
      result.snapshots += 1;
    } else if (disk.stats().layers > 0) {
      await world.flatten(disk);
      result.flattened += 1;
    }
  }

  private async resize(disk: Qcow2Disk): Promise<void> {
    const { world, chance } = this;
    const { model } = world;
    const perCluster = world.options.clusterSize / 512;
    const grows = chance() < 0.7 || model.size < 30 * perCluster;
    const size = grows
      ? model.size + between(chance, 1, 40 * perCluster)
      : model.size - between(chance, 1, 10 * perCluster);
    if (!grows) await this.zero(disk, { first: size, count: model.size - size }, true);
    this.wanted = size;
    await disk.resize(size * 512, { shrink: !grows });
    model.resize(size);
    this.wanted = undefined;
    this.result.resized += 1;
  }

  private async crash(): Promise<'kill' | 'power'> {
    const { world, chance, result } = this;
    const kind = chance() < 0.4 ? 'kill' : 'power';
    if (kind === 'kill') world.machine.kill();
    else world.machine.cutPower();
    this.changing.clear();
    world.model.forgetReads();
    this.wholeDisk = undefined;
    result[kind === 'kill' ? 'kills' : 'powerCuts'] += 1;
    result.moments += 1;
    await this.options.afterCrash?.(world, result.moments);
    return kind;
  }

  /** Opens the disk; undefined when the machine is to crash before it is open. */
  private async tryOpen(): Promise<Qcow2Disk | undefined> {
    const { world, chance } = this;
    const opening = world.open();
    if (chance() >= 0.25) return world.settle(opening);
    let opened: Qcow2Disk | undefined;
    opening.then(
      (disk) => (opened = disk),
      (error: unknown) => (this.fault = error),
    );
    for (let steps = between(chance, 0, 40); steps > 0 && opened === undefined; steps--) {
      await tick();
      if (this.fault !== undefined) throw this.fault as Error;
      if (!world.machine.idle) world.machine.step();
    }
    await tick();
    return opened;
  }

  private async judge(disk: Qcow2Disk, kind: 'kill' | 'power'): Promise<void> {
    const { model } = this.world;
    const size = disk.size / 512;
    if (size !== model.size) {
      if (size !== this.wanted) throw new Error(`the disk has ${size} sectors, not ${model.size} or ${this.wanted}`);
      model.resize(size);
    }
    this.wanted = undefined;
    await this.world.compare(disk, (index, id) =>
      kind === 'kill' ? model.afterKill(index, id) : model.afterPowerCut(index, id),
    );
  }

  /** Closes the disk in an orderly way. */
  private async closeAndOpen(disk: Qcow2Disk): Promise<Qcow2Disk> {
    const { world } = this;
    const kept = world.model.answered();
    await world.settle(disk.close());
    world.model.flushed(kept);
    await this.options.afterClose?.(world, this.result.moments);
    const opened = await world.settle(world.open());
    if (opened.recovery !== 'clean') throw new Error(`after it was closed, the disk is ${opened.recovery}`);
    await world.compare(opened, (index, id) => {
      const expected = world.model.expected(index);
      return id === expected ? undefined : `sector ${index} shows ${id}, not ${expected}`;
    });
    return opened;
  }
}
