import { createHash } from 'node:crypto';
import {
  ImageError,
  listKernelModules,
  openRoot,
  resolveModules,
  type Ext4Volume,
  type JournalUse,
  type PartitionTable,
  type RandomAccess,
} from '@drover/disk-image';
import type { Result } from '@drover/contract';
import type { InitramfsPart } from '../../domain/boot-plan.js';
import type { MissingModules } from '../../domain/own-boot-files.js';
import type { Copy, CopyWriter } from './copy-writer.js';

/** Makes the part of an initramfs that holds the modules of one kernel. */
export interface PackModules {
  /** Changes when what goes into a part changes, besides the root. */
  readonly recipe: string;
  readonly wanted: readonly string[];
  /** Refuses what the root does not have. */
  pack(
    volume: Ext4Volume,
    wanted: MissingModules,
    put: (chunks: AsyncIterable<Uint8Array>) => Promise<Copy>,
  ): Promise<Result<{ readonly part: InitramfsPart; readonly cannotAttach: readonly string[] }>>;
}

/** The root file system of a disk, opened when it is first needed. */
export interface OwnRoot {
  /** Releases it has modules for; none when it cannot be read. */
  releases(): Promise<readonly string[]>;
  /** Modules of kernels from it, and what is wrong with those that it cannot give. */
  parts(wanted: readonly MissingModules[]): Promise<{ parts: InitramfsPart[]; warnings: string[] }>;
}

interface OwnRootDeps {
  readonly disk: string;
  readonly source: RandomAccess;
  readonly table: PartitionTable;
  readonly writer: CopyWriter;
  /** Loaded when a kernel needs it: most boots do not. */
  readonly modules: () => Promise<PackModules>;
}

/** Always written alike: what was read has one name. */
const partOf = ({ architecture, release }: MissingModules, { digest, size }: Copy): InitramfsPart => ({
  kind: 'modules',
  ...{ architecture, release, blob: digest, size },
});

const without = 'The kernel starts without modules of its own.';

/** A root that was not unmounted is read as its kernel will find it: what that leaves out is told. */
function journalWarning(journal: JournalUse): string[] {
  if (!('detail' in journal)) return [];
  const seen =
    journal.kind === 'partial'
      ? 'what was installed last may be missing'
      : 'kernel modules are read as they are on the disk';
  return [`The root of the disk was not unmounted in order, and its journal ${journal.detail}: ${seen}.`];
}

export function createOwnRoot(deps: OwnRootDeps): OwnRoot {
  let opened: Promise<Ext4Volume | undefined> | undefined;
  const root = (): Promise<Ext4Volume | undefined> =>
    (opened ??= openRoot(deps.source, deps.table).then((found) => found?.volume));

  const one = async (volume: Ext4Volume, wanted: MissingModules, warnings: string[]): Promise<InitramfsPart[]> => {
    const modules = await deps.modules();
    const key = await keyOf(deps.disk, modules, volume, wanted);
    const known = await deps.writer.recall(key);
    if (known !== undefined) return [partOf(wanted, known)];
    const packed = await modules.pack(volume, wanted, (chunks) => deps.writer.put(chunks));
    if (!packed.ok) {
      warnings.push(`${packed.detail} ${without}`);
      return [];
    }
    const { part, cannotAttach } = packed.value;
    if (cannotAttach.length > 0)
      warnings.push(
        `Kernel ${wanted.release} has no ${cannotAttach.join(', no ')}: it cannot attach the board's disk.`,
      );
    const copy = { digest: part.blob, size: part.size };
    await deps.writer.remember(key, copy);
    return [partOf(wanted, copy)];
  };

  const parts = async (wanted: readonly MissingModules[], warnings: string[]): Promise<InitramfsPart[]> => {
    const volume = await root();
    if (volume === undefined) {
      warnings.push(
        `The disk has no ext4 root with modules for ${wanted.map(({ release }) => release).join(', ')}. ${without}`,
      );
      return [];
    }
    warnings.push(...journalWarning(volume.journal));
    const made: InitramfsPart[] = [];
    for (const each of wanted) made.push(...(await one(volume, each, warnings)));
    return made;
  };

  return {
    releases: async () => {
      try {
        const volume = await root();
        return volume === undefined ? [] : await listKernelModules(volume);
      } catch (error) {
        if (error instanceof ImageError) return [];
        throw error;
      }
    },
    parts: async (wanted) => {
      const warnings: string[] = [];
      if (wanted.length === 0) return { parts: [], warnings };
      try {
        return { parts: await parts(wanted, warnings), warnings };
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        const releases = wanted.map(({ release }) => release).join(', ');
        warnings.push(
          `Modules for ${releases} cannot be read off the disk: ${error.message} (${error.code}). ${without}`,
        );
        return { parts: [], warnings };
      }
    },
  };
}

/** Everything a part is made from, by what the root says of the files: the same key, the same modules. */
async function keyOf(disk: string, modules: PackModules, volume: Ext4Volume, wanted: MissingModules): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([modules.recipe, disk, volume.uuid, wanted]));
  const resolved = await resolveModules(volume, wanted.release, modules.wanted).catch((error: unknown) => {
    // Packing them will say what is wrong.
    if (error instanceof ImageError) return undefined;
    throw error;
  });
  if (resolved === undefined) return hash.digest('hex');
  const lists = ['dep', 'softdep', 'alias', 'builtin'].map((name) => `${resolved.directory}/modules.${name}`);
  for (const path of [...lists, ...resolved.files.map((file) => file.path)]) {
    const facts = await volume.stat(path);
    hash.update(JSON.stringify([path, facts?.inode, facts?.size, facts?.mtime]));
  }
  return hash.digest('hex');
}
