import { hostOf, type Mapping } from './format.js';
import type { Tables } from './tables.js';

/**
 * Mappings that the tables in the file do not have yet. A checkpoint takes what is current and commits it, while new ones gather.
 */
export class Pending {
  private readonly tables: Tables;
  private current = new Map<number, Mapping>();
  private taken: Map<number, Mapping> | undefined;
  /** Host clusters whose last mapping went away, since the last checkpoint began and before. */
  private freed: number[] = [];
  private takenFreed: number[] = [];

  constructor(tables: Tables) {
    this.tables = tables;
  }

  /** Where a guest cluster is; `missing` when its table must be loaded first. */
  lookup(cluster: number): Mapping {
    if (this.current.size > 0) {
      const mapping = this.current.get(cluster);
      if (mapping !== undefined) return mapping;
    }
    return this.taken?.get(cluster) ?? this.tables.lookup(cluster);
  }

  /** Changes a mapping that was `old` so far. */
  set(cluster: number, mapping: Mapping, old: Mapping): void {
    const host = hostOf(old);
    if (host !== 0 && host !== hostOf(mapping)) this.freed.push(host);
    this.current.set(cluster, mapping);
  }

  /** How many wait for the next checkpoint. */
  get size(): number {
    return this.current.size;
  }

  /** What a checkpoint has to commit, or had to when it failed. */
  get committing(): ReadonlyMap<number, Mapping> | undefined {
    return this.taken;
  }

  take(): void {
    this.taken = this.current;
    this.takenFreed = this.takenFreed.concat(this.freed);
    this.current = new Map();
    this.freed = [];
  }

  /** What was taken is in the tables, durably. */
  commit(): void {
    this.taken = undefined;
  }

  /** Clusters that what was committed has freed. */
  takeFreed(): number[] {
    const { takenFreed } = this;
    this.takenFreed = [];
    return takenFreed;
  }
}
