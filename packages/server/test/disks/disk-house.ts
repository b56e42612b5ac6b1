import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createClusterCache, createTableCache, findData, rawView, type Qcow2Environment } from '@drover/disk-image';
import {
  createDiskExport,
  createDiskFile,
  createFileLock,
  createGate,
  createHolePuncher,
  createImageExport,
  createShared,
  openBlockSource,
  openDiskFiles,
  readBootId,
  type DiskBase,
  type DiskFilesDeps,
  type DiskPlace,
  type OpenedDisk,
  type Shared,
} from '../../src/adapters/disks/index.js';
import type { ExportDirectory } from '../../src/app/disks/ports.js';
import { systemTimers } from '../../src/listeners/nbd/index.js';
import { DiskModel } from './model.js';

export const kib = 1024;
export const mib = 1024 * kib;

/** Real disks in a folder, over a real image. */
export interface DiskHouse {
  readonly deps: DiskFilesDeps;
  readonly base: DiskBase;
  /** Where disks of these names are; changed by who takes snapshots. */
  readonly places: Map<string, DiskPlace>;
  readonly disks: Shared<OpenedDisk>;
  /** For the NBD listener: each disk under its name, the image itself as `image`. */
  readonly exports: ExportDirectory;
  path(name: string): string;
  /** A place of its own over the base, or over nothing. */
  placeOf(name: string, base?: DiskBase): DiskPlace;
  /** Creates a disk over the base. */
  create(name: string, size?: number): Promise<DiskPlace>;
  close(): Promise<void>;
}

export interface DiskHouseOptions {
  folder: string;
  /** Another boot of the machine than this one. */
  bootId?: string;
  /** How long a disk stays open without a client, in ms. Default 0. */
  lingerMs?: number;
  onCloseFailed?: (key: string, error: unknown) => void;
}

const baseName = 'base.img';

/** The numbers that sectors of the base are full of: some of it is data, the rest holes. */
export function baseIds(size: number): Uint32Array {
  return Uint32Array.from({ length: size / 512 }, (_, index) => (index % 3000 < 1900 ? 0x8000_0000 + index : 0));
}

/** Makes the base, with its holes. */
export async function makeBase(folder: string, size: number): Promise<void> {
  const bytes = new DiskModel(baseIds(size)).bytes();
  const file = await open(join(folder, baseName), 'wx');
  try {
    await file.truncate(size);
    for (let at = 0; at < size; at += 3000 * 512) await file.write(bytes, at, Math.min(1900 * 512, size - at), at);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A model of a disk over the base. */
export function modelOf(size: number, baseSize = size): DiskModel {
  const ids = new Uint32Array(size / 512);
  ids.set(baseIds(baseSize).subarray(0, ids.length));
  return new DiskModel(ids);
}

export async function openDiskHouse(options: DiskHouseOptions): Promise<DiskHouse> {
  const { folder, lingerMs = 0 } = options;
  const path = (name: string): string => join(folder, name);
  const environment: Qcow2Environment = {
    tables: createTableCache({ bytes: 16 * mib }),
    bootId: options.bootId ?? (await readBootId()),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  };
  const files = { slow: createGate(2), lock: createFileLock(), puncher: createHolePuncher() };
  const deps: DiskFilesDeps = { files, environment, lockWaitMs: 30_000 };
  const source = await openBlockSource(path(baseName));
  const image = createClusterCache({ bytes: 32 * mib }).open(baseName, source);
  const base: DiskBase = { path: path(baseName), view: rawView(image, await findData(source)) };
  const places = new Map<string, DiskPlace>();
  const disks = createShared<OpenedDisk>({
    open: (name) => openDiskFiles(places.get(name) ?? placeOf(name), deps),
    close: (opened) => opened.close(),
    after: (ms, run) => systemTimers.after(ms, run),
    lingerMs,
    onCloseFailed: (key, error) => {
      if (options.onCloseFailed === undefined) throw error;
      options.onCloseFailed(key, error);
    },
  });

  const placeOf = (name: string, on: DiskBase | undefined = base): DiskPlace => ({
    overlay: path(`${name}.qcow2`),
    log: path(`${name}.log`),
    layers: [],
    base: on,
  });

  return {
    deps,
    base,
    places,
    disks,
    exports: {
      open: async ({ name }) => {
        if (name === 'image') {
          return { ok: true, export: createImageExport(base.view, { label: name, release: () => undefined }) };
        }
        const { value, release } = await disks.acquire(name);
        return { ok: true, export: createDiskExport(value.disk, { label: name, release }) };
      },
    },
    path,
    placeOf,
    create: async (name, size = base.view.size) => {
      const place = placeOf(name);
      await createDiskFile(place.overlay, { size, backing: { name: baseName, format: 'raw' } }, deps);
      places.set(name, place);
      return place;
    },
    close: async () => {
      await disks.close();
      await source.close();
    },
  };
}

/** As a machine that was switched off and on again may find a redo log: gone. */
export const loseLog = ({ log }: DiskPlace): Promise<void> => rm(log, { force: true });
