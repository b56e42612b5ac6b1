import type { BootPlan, BootTree, OwnBootFiles } from '../../../domain/boot-plan.js';
import type { Clock, Log } from '../../ports.js';
import type { CurrentBoot } from './board-book.js';
import type { NewEntry, OwnFilesRead, OwnFilesReader } from './ports.js';

/** The boot files of boards that have a disk of their own: read once, when a boot begins, and the same until it is over. */
export interface OwnFiles {
  /** What this boot gets beside `image`, its image's tree: that tree and nothing more, where the disk has no boot files of its own. Never rejects. */
  of(boot: CurrentBoot, plan: BootPlan, image: BootTree): Promise<OwnBootFiles>;
  /** Has them read anew, as copies are gone; or the boot is over. */
  forget(session: string): void;
}

interface OwnFilesDeps {
  readonly reader: Pick<OwnFilesReader, 'read' | 'recall'>;
  /** Puts an entry on the timeline of a boot. */
  readonly note: (boot: CurrentBoot, entry: NewEntry) => void;
  /** What a boot was given is to outlast a restart. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Most boots whose files are kept in memory. */
  readonly mostKept?: number;
}

const mostWarnings = 20;
const longestWarning = 1000;

/** What {@link CurrentBoot.files} says of a boot that has its image's files. */
const ofImage = 'image';

export function createOwnFiles({ reader, note, changed, clock, log, mostKept = 512 }: OwnFilesDeps): OwnFiles {
  const kept = new Map<string, Promise<OwnBootFiles>>();

  const read = async (
    boot: CurrentBoot,
    plan: BootPlan,
    disk: string,
    image: BootTree,
  ): Promise<OwnFilesRead | undefined> => {
    try {
      return await reader.read({ disk, image, plan, device: boot.device });
    } catch (error) {
      log.error({ err: error, device: boot.device.id, disk }, 'the boot files of a disk could not be read');
      return undefined;
    }
  };

  const readAndTell = async (
    boot: CurrentBoot,
    plan: BootPlan,
    disk: string,
    image: BootTree,
  ): Promise<OwnBootFiles> => {
    const began = clock.now();
    const told = await read(boot, plan, disk, image);
    const found = told ?? { kind: 'unreadable', reason: 'the server failed to read it, and its log says how' };
    const { files, warnings } = judged(found, image);
    // A fault of ours may be over after a restart, or may be the restart.
    if (told !== undefined) boot.files = told.kind === 'own' ? told.digest : ofImage;
    changed();
    for (const warning of warnings) log.warn({ device: boot.device.id, session: boot.track.id, disk }, warning);
    note(boot, {
      type: 'boot.files',
      disk,
      from: found.kind === 'own' ? 'disk' : 'image',
      files: found.kind === 'own' ? found.copies : 0,
      bytes: found.kind === 'own' ? found.bytes : 0,
      ms: clock.now() - began,
      warnings: warnings.slice(0, mostWarnings).map((warning) => warning.slice(0, longestWarning)),
    });
    return files;
  };

  const find = async (boot: CurrentBoot, plan: BootPlan, disk: string, image: BootTree): Promise<OwnBootFiles> => {
    if (boot.files === ofImage) return { tree: image, initramfs: [] };
    const before = boot.files === null ? undefined : await reader.recall(boot.files).catch(() => undefined);
    return before ?? readAndTell(boot, plan, disk, image);
  };

  return {
    of: (boot, plan, image) => {
      const [disk] = plan.disks;
      if (plan.rootMode !== 'nbd' || disk === undefined) return Promise.resolve({ tree: image, initramfs: [] });
      const { id } = boot.track;
      const finding = kept.get(id) ?? find(boot, plan, disk, image);
      kept.delete(id);
      kept.set(id, finding);
      if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
      return finding;
    },
    forget: (session) => kept.delete(session),
  };
}

/**
 * A boot partition that cannot be read at all would leave the board dark. With the image's files it comes up, as far as its root goes with the image's kernel,
 * so that somebody can repair it.
 */
function judged(found: OwnFilesRead, image: BootTree): { files: OwnBootFiles; warnings: readonly string[] } {
  const ofTheImage = { tree: image, initramfs: [] };
  switch (found.kind) {
    case 'own':
      return { files: found.files, warnings: found.warnings };
    case 'image':
      return { files: ofTheImage, warnings: [] };
    case 'unreadable': {
      const what = `The boot partition of the board's own disk cannot be used: ${found.reason}.`;
      const done = 'It boots the files of its image, whose kernel may not fit what was upgraded on the disk.';
      const remedy = found.remedy ?? 'Repair it on the board with fsck.vfat, or give the device its image again.';
      return { files: ofTheImage, warnings: [`${what} ${done} ${remedy}`] };
    }
  }
}
