import { createClusterCache } from '@drover/disk-image';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { openLocalDisks } from '../../src/adapters/disks/index.js';
import { silentLog } from '../boot/log.js';
import { makeBootPartition, standardFiles } from './netboot-image.js';
import { startLab, type LabOptions, type NetbootLab } from './netboot-lab.js';

const run = promisify(execFile);
const MiB = 1024 * 1024;

const boot = { offset: MiB, length: 32 * MiB } as const;
const root = { offset: 33 * MiB, length: 16 * MiB } as const;
export const imageBytes = 50 * MiB;

/** What Drover takes for an arm64 kernel of that release (Documentation/arch/arm64/booting.rst, and the banner). */
export function kernelFile(release: string, size = 200_000): Buffer {
  const bytes = randomBytes(size);
  bytes.writeUInt32LE(0x644d5241, 56);
  bytes.writeUInt32LE(0, 24);
  bytes.write(`Linux version ${release} (lab@lab) #1 SMP\n\0`, 4096, 'latin1');
  return bytes;
}

/** Modules of a kernel as depmod leaves them, by path in the root. All but these are built in. */
export const modulesOf = (release: string, modules: Readonly<Record<string, Buffer>>): Record<string, Buffer> => {
  const folder = `lib/modules/${release}`;
  const names = Object.keys(modules);
  return {
    [`${folder}/modules.dep`]: Buffer.from(names.map((name) => `kernel/${name}.ko:\n`).join('')),
    [`${folder}/modules.builtin`]: Buffer.from(
      ['loop', 'squashfs', 'overlay', 'ext4'].map((name) => `kernel/fs/${name}.ko\n`).join(''),
    ),
    ...Object.fromEntries(names.map((name) => [`${folder}/kernel/${name}.ko`, modules[name] ?? Buffer.alloc(0)])),
  };
};

async function writeTree(folder: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

/** An ext4 of the size of the image's root partition. */
async function makeRoot(path: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  const folder = `${path}.tree`;
  await writeTree(folder, { 'etc/hostname': Buffer.from('lab\n'), ...files });
  await writeFile(path, '');
  await truncate(path, root.length);
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', folder, path]);
}

const changeWith = (path: string, script: string): Promise<unknown> => run('debugfs', ['-w', '-f', script, path]);

/** Puts files into the journal of a clean ext4 instead of into place, as a power cut leaves them. */
async function intoJournal(path: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  const [folder, after, script, content] = [`${path}.files`, `${path}.after`, `${path}.debugfs`, `${path}.content`];
  await writeTree(folder, files);
  const folders = new Set(
    Object.keys(files).flatMap((name) =>
      name
        .split('/')
        .slice(0, -1)
        .map((_, i, all) => all.slice(0, i + 1).join('/')),
    ),
  );
  const commands = [
    ...[...folders].map((name) => `mkdir /${name}`),
    ...Object.keys(files).map((name) => `write ${join(folder, name)} /${name}`),
  ];
  await writeFile(script, `${commands.join('\n')}\n`);
  await writeFile(after, await readFile(path));
  await changeWith(after, script);
  const [old, changed] = [await readFile(path), await readFile(after)];
  const size = 1024 << old.readUInt32LE(1024 + 0x18);
  const piece = (bytes: Buffer, index: number): Buffer => bytes.subarray(index * size, (index + 1) * size);
  const differing = Array.from({ length: old.length / size }, (_, i) => i).filter(
    (i) => !piece(old, i).equals(piece(changed, i)),
  );
  await writeFile(content, Buffer.concat(differing.map((i) => piece(changed, i))));
  await writeFile(script, `jo -c -v 3\njw -b ${differing.join(',')} ${content}\njc\n`);
  await changeWith(path, script);
}

async function put(disk: string, part: string, offset: number): Promise<void> {
  const file = await open(disk, 'r+');
  await file.write(await readFile(part), 0, undefined, offset);
  await file.close();
}

/** A card image as vendors make them: MBR, FAT, ext4. */
export const makeCard: typeof makeBootPartition = async (folder, files) => {
  const { path: partition, tree } = await makeBootPartition(folder, files);
  const path = join(folder, 'card.img');
  await writeFile(path, '');
  await truncate(path, imageBytes);
  const sectors = ({ offset, length }: typeof boot | typeof root): string =>
    `start=${offset / 512}, size=${length / 512}`;
  const table = run('sfdisk', ['-q', path]);
  table.child.stdin?.end(`label: dos\n${sectors(boot)}, type=c\n${sectors(root)}, type=83\n`);
  await table;
  await put(path, partition, boot.offset);
  await makeRoot(join(folder, 'root.ext4'), modulesOf('6.6.31-v8', { nbd: randomBytes(1000) }));
  await put(path, join(folder, 'root.ext4'), root.offset);
  const extents = tree.files.map((file) => ({
    ...file,
    extents: file.extents.map(([offset, length]) => [boot.offset + offset, length] as const),
  }));
  return { path, tree: { ...tree, files: extents } };
};

/** A lab whose boards run from disks of their own. */
export interface OwnDiskLab extends NetbootLab {
  /** A device with a disk over the image. */
  readonly withDisk: (bootPrefix: string, disk: string) => Promise<string>;
  /** A disk with nothing on it, of this many bytes. */
  readonly emptyDisk: (disk: string, size: number) => Promise<void>;
  /** Does something to the boot partition of a disk, as a file, with mtools; writes back what changed, as a guest would. */
  readonly onBoot: (disk: string, work: (fat: string) => Promise<unknown>) => Promise<void>;
  /** Replaces the root of a disk by one with these files beside what every root has. */
  readonly newRoot: (disk: string, files: Readonly<Record<string, Buffer>>) => Promise<void>;
  /** The same, with the files in its journal only. */
  readonly newUnfinishedRoot: (disk: string, files: Readonly<Record<string, Buffer>>) => Promise<void>;
  /** Does something to the root of a disk, as a file. */
  readonly onRoot: (disk: string, work: (ext4: string) => Promise<unknown>) => Promise<void>;
  readonly write: (disk: string, offset: number, bytes: Uint8Array) => Promise<void>;
  /** A file for mcopy. */
  readonly local: (bytes: Buffer | string) => Promise<string>;
  readonly copies: string;
}

type Pool = Awaited<ReturnType<typeof openLocalDisks>>;

const block = 4096;

export async function startOwnDiskLab(
  files?: ReadonlyMap<string, Buffer>,
  more: Pick<LabOptions, 'dhcp' | 'ports'> = {},
): Promise<OwnDiskLab> {
  const lab = await startLab({
    ...more,
    makeImage: makeCard,
    files: new Map([...standardFiles(), ['kernel8.img', kernelFile('6.6.31-v8')], ...(files ?? [])]),
  });
  const work = await mkdtemp(join(lab.dataDir, 'work-'));
  const blobs = await createFsBlobStore(join(lab.dataDir, 'blobs'));
  let locals = 0;

  /** The pool of the boot plane is another one; each closes a disk when nobody uses it any more. */
  const withPool = async <T>(use: (pool: Pool) => Promise<T>): Promise<T> => {
    const pool = await openLocalDisks({
      dataDir: lab.dataDir,
      blobPath: async (digest) => blobs.localPath(digest) ?? '',
      uploadPath: (upload) => join(lab.dataDir, upload),
      imageCache: createClusterCache({ bytes: 1 << 20 }),
      clock: systemClock,
      ids: createIds({ clock: systemClock }),
      log: silentLog,
    });
    try {
      return await use(pool);
    } finally {
      await pool.close();
    }
  };
  const patch = (disk: string, at: { offset: number; length: number }, change: (before: Buffer) => Promise<Buffer>) =>
    withPool(async (pool) => {
      const held = await pool.hold(disk);
      const before = Buffer.from(await held.disk.read(at.offset, at.length));
      const after = await change(before);
      for (let from = 0; from < at.length; from += block) {
        const bytes = after.subarray(from, from + block);
        if (!bytes.equals(before.subarray(from, from + block))) await held.disk.write(at.offset + from, bytes);
      }
      await held.disk.flush();
      await held.release();
    });
  const local = async (bytes: Buffer | string): Promise<string> => {
    const path = join(work, `local-${(locals += 1)}`);
    await writeFile(path, bytes);
    return path;
  };
  const onFile = (change: (path: string) => Promise<unknown>) => async (before: Buffer) => {
    const path = await local(before);
    await change(path);
    return readFile(path);
  };

  return {
    ...lab,
    copies: join(lab.dataDir, 'run', 'boot-files'),
    local,
    withDisk: async (bootPrefix, disk) => {
      await withPool((pool) =>
        pool.create({ disk, size: imageBytes, origin: { kind: 'image', digest: lab.imageDigest } }),
      );
      await lab.register(bootPrefix);
      return lab.provision(bootPrefix, { rootMode: 'nbd', disk });
    },
    emptyDisk: async (disk, size) => {
      await withPool((pool) => pool.create({ disk, size, origin: { kind: 'empty' } }));
    },
    onBoot: (disk, change) => patch(disk, boot, onFile(change)),
    newRoot: (disk, wanted) =>
      patch(disk, root, async () => {
        const path = await local('');
        await makeRoot(path, wanted);
        return readFile(path);
      }),
    newUnfinishedRoot: (disk, wanted) =>
      patch(disk, root, async () => {
        const path = await local('');
        await makeRoot(path, {});
        await intoJournal(path, wanted);
        return readFile(path);
      }),
    onRoot: (disk, change) => patch(disk, root, onFile(change)),
    write: (disk, offset, bytes) =>
      withPool(async (pool) => {
        const held = await pool.hold(disk);
        await held.disk.write(offset, bytes, { fua: true });
        await held.release();
      }),
    close: async () => {
      await blobs.close();
      await lab.close();
      await rm(work, { recursive: true, force: true });
    },
  };
}

export const debugfs = (ext4: string, command: string): Promise<unknown> => run('debugfs', ['-w', '-R', command, ext4]);
export const mtools = (command: 'mcopy' | 'mdel' | 'mmd', ...args: readonly string[]): Promise<unknown> =>
  run(command, [...args]);
export const partitions = { boot, root };
