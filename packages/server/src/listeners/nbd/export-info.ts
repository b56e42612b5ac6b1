import type { NbdExportInfo } from '@drover/protocols/nbd';
import type { DiskExport } from '../../app/disks/ports.js';

/** What a client is told of a disk: what it offers, within what the listener lets through. */
export function exportInfo(disk: DiskExport, limits: { readonly maxPayload: number }): NbdExportInfo {
  const { size, readOnly, canMultiConn, blockSize, description } = disk;
  return {
    size,
    readOnly,
    canMultiConn,
    canFlush: disk.flush !== undefined,
    canFua: disk.flush !== undefined,
    canTrim: disk.trim !== undefined,
    canWriteZeroes: disk.writeZeroes !== undefined,
    canFastZero: disk.writeZeroes !== undefined,
    canCache: disk.cache !== undefined,
    canBlockStatus: disk.blockStatus !== undefined,
    blockSize: { ...blockSize, maximum: Math.min(blockSize.maximum, limits.maxPayload) },
    ...(description === undefined ? {} : { description }),
  };
}
