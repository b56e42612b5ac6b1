import { hex, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { Extent, RandomAccess } from '../source.js';
import type { FatLayout } from './boot-sector.js';

const pageSize = 256 * 1024;
const pagesKept = 16;
/** From here on a value is no cluster: bad (…7) or end of chain (…8 and above). */
const limits = { fat12: 0xff7, fat16: 0xfff7, fat32: 0x0ffffff7 } as const;

/**
 * The allocation table. Walks chains into extents and remembers every cluster it gave out, so that a cluster can
 * belong to one chain only and all walks together stay within the size of the volume.
 */
export class AllocationTable {
  private readonly source: RandomAccess;
  private readonly layout: FatLayout;
  private readonly pages = new Map<number, DataView>();
  private readonly taken: Uint8Array;
  private readonly limit: number;

  constructor(source: RandomAccess, layout: FatLayout) {
    this.source = source;
    this.layout = layout;
    this.taken = new Uint8Array(Math.ceil((layout.clusterCount + 2) / 8));
    this.limit = limits[layout.kind];
  }

  /**
   * The extents of a chain, merged. Stops after `clusters` clusters when that is given and needs that many;
   * otherwise follows the chain to its end, at most `most` clusters.
   */
  async chain(owner: string, first: number, want: { clusters: number } | { most: number }): Promise<Extent[]> {
    const extents: Extent[] = [];
    const exact = 'clusters' in want;
    const most = exact ? want.clusters : want.most;
    let cluster = first;
    for (let count = 1; ; count++) {
      this.take(owner, cluster, extents);
      this.append(extents, cluster);
      if (exact && count === most) return extents;
      const next = await this.next(cluster);
      if (next > this.limit) {
        if (!exact) return extents;
        throw this.broken(owner, `its chain ends after ${count} of ${most} clusters`);
      }
      if (count === most) throw this.broken(owner, `its chain is longer than ${most} clusters`);
      cluster = next;
    }
  }

  private append(extents: Extent[], cluster: number): void {
    const { clusterSize } = this.layout;
    const offset = this.offsetOf(cluster);
    const last = extents.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += clusterSize;
    else extents.push({ offset, length: clusterSize });
  }

  /** Marks a cluster as used. `before` is what the chain has so far. */
  private take(owner: string, cluster: number, before: readonly Extent[]): void {
    if (cluster < 2 || cluster >= this.layout.clusterCount + 2) {
      const where = before.length === 0 ? 'it starts' : 'its chain leads';
      throw this.broken(owner, `${where} at cluster ${hex(cluster, 1)} (hex), of ${this.layout.clusterCount}`);
    }
    const bit = 1 << (cluster & 7);
    const byte = this.taken[cluster >>> 3] as number;
    if ((byte & bit) !== 0) throw this.usedTwice(owner, cluster, before);
    this.taken[cluster >>> 3] = byte | bit;
  }

  private usedTwice(owner: string, cluster: number, before: readonly Extent[]): ImageError {
    const at = this.offsetOf(cluster);
    const detail = { at, remedy: 'Repair the file system with fsck.fat, or write the image again.' };
    const isLoop = before.some(({ offset, length }) => at >= offset && at < offset + length);
    if (isLoop) return new ImageError('image.fat.loop', `The chain of ${owner} returns to cluster ${cluster}`, detail);
    const message = `Cluster ${cluster} of ${owner} also belongs to another file or folder`;
    return new ImageError('image.fat.cross-linked', message, detail);
  }

  private offsetOf(cluster: number): number {
    return this.layout.dataAt + (cluster - 2) * this.layout.clusterSize;
  }

  private broken(owner: string, why: string): ImageError {
    return new ImageError('image.fat.chain', `${owner} cannot be read: ${why}`, {
      at: this.layout.tableAt,
      remedy: 'Repair the file system with fsck.fat, or write the image again.',
    });
  }

  private async next(cluster: number): Promise<number> {
    const { kind } = this.layout;
    if (kind === 'fat12') {
      const at = cluster + (cluster >>> 1);
      const pair = (await this.page(at)).getUint16(at % pageSize, true);
      return cluster & 1 ? pair >>> 4 : pair & 0xfff;
    }
    const at = cluster * (kind === 'fat16' ? 2 : 4);
    const view = this.pages.get(Math.floor(at / pageSize)) ?? (await this.page(at));
    return kind === 'fat16' ? view.getUint16(at % pageSize, true) : view.getUint32(at % pageSize, true) & 0x0fffffff;
  }

  private async page(at: number): Promise<DataView> {
    const index = Math.floor(at / pageSize);
    const known = this.pages.get(index);
    if (known !== undefined) return known;
    const start = index * pageSize;
    const length = Math.min(pageSize, this.layout.tableLength - start);
    const view = viewOf(await this.source.read(this.layout.tableAt + start, length));
    if (this.pages.size >= pagesKept) this.pages.clear();
    this.pages.set(index, view);
    return view;
  }
}
