import { secretOf } from '../../../domain/boot-credential.js';
import type { BootPlan, FileSource, OwnBootFiles } from '../../../domain/boot-plan.js';
import { renderOverlay, type Overlay } from '../../../domain/boot-render.js';
import type { Log } from '../../ports.js';
import type { CurrentBoot } from './board-book.js';
import type { OwnFiles } from './own-files.js';
import type { OwnFilesReader } from './ports.js';
import type { TreeLoader } from './trees.js';

export interface Rendered extends OwnBootFiles {
  readonly overlay: Overlay;
}

/** The rendered files of boots. */
export interface Overlays {
  /** What this boot gets; undefined when it gets nothing, or not yet (no key, no server address). Rejects when the tree cannot be read. */
  of(boot: CurrentBoot): Promise<Rendered | undefined>;
  /** The same, to choose a file by: before it is known which of our addresses the board will call. */
  preview(boot: CurrentBoot): Promise<Rendered | undefined>;
  /** Reads what takes longer, as the boot has begun and its first request is about to come. */
  prepare(boot: CurrentBoot): void;
  /** Whether the bytes of a file are still there. */
  holds(rendered: Rendered, source: FileSource): Promise<boolean>;
  /** Has everything read anew, should it be asked for again. */
  forget(session: string): void;
}

interface OverlaysDeps {
  readonly trees: TreeLoader;
  readonly own: OwnFiles;
  readonly copies: Pick<OwnFilesReader, 'holds'>;
  /** Undefined until the control plane gave it for the first time. */
  readonly bootKey: () => string | undefined;
  /** Path by which a directory is mounted; undefined where there is none. */
  readonly nfsRoot?: (disk: string) => string | undefined;
  /** Port that kernels are told to log to; undefined: they are told nothing. */
  readonly logPort?: number | undefined;
  readonly log: Log;
}

const keptOverlays = 4_096;

const ignored = (): void => undefined;

export function createOverlays({ trees, own, copies, bootKey, nfsRoot, logPort, log }: OverlaysDeps): Overlays {
  const kept = new Map<string, Promise<Rendered>>();

  const rootOf = ({ rootMode, disks: [root] }: BootPlan): string | undefined =>
    rootMode === 'nfs' && root !== undefined ? nfsRoot?.(root) : undefined;

  const render = async (boot: CurrentBoot, plan: BootPlan, key: string, serverUrl: string): Promise<Rendered> => {
    const { tree, initramfs } = await own.of(boot, plan, await trees.load(plan.tree));
    const { id } = boot.track;
    const given = { ...plan, initramfs: [...plan.initramfs, ...initramfs] };
    const overlay = renderOverlay(tree, given, boot.device, {
      id,
      secret: secretOf(key, id),
      serverUrl,
      nfsRoot: rootOf(plan),
      logPort,
    });
    for (const warning of overlay.warnings) log.warn({ device: boot.device.id, session: id }, warning);
    return { tree, initramfs, overlay };
  };

  const renderOnce = (boot: CurrentBoot, plan: BootPlan, key: string, serverUrl: string): Promise<Rendered> => {
    const name = `${boot.track.id} ${serverUrl}`;
    const known = kept.get(name);
    kept.delete(name);
    const rendering = known ?? render(boot, plan, key, serverUrl);
    kept.set(name, rendering);
    if (known === undefined) rendering.catch(() => kept.delete(name));
    if (kept.size > keptOverlays) kept.delete(kept.keys().next().value!);
    return rendering;
  };

  const of = async (boot: CurrentBoot, serverUrl: string | null): Promise<Rendered | undefined> => {
    const key = bootKey();
    if (boot.plan === null || serverUrl === null) return undefined;
    if (key === undefined) {
      log.error({}, 'nothing can be booted: the boot key is not known, as the control plane was never reached');
      return undefined;
    }
    return renderOnce(boot, boot.plan, key, serverUrl);
  };

  return {
    of: (boot) => of(boot, boot.serverUrl),
    preview: (boot) => of(boot, boot.serverUrl ?? 'http://0.0.0.0'),
    prepare: (boot) => {
      const { plan } = boot;
      if (plan?.rootMode !== 'nbd') return;
      // Whoever asks for the first file hears of a failure.
      trees.load(plan.tree).then((image) => own.of(boot, plan, image), ignored);
    },
    holds: (rendered, source) => copies.holds(rendered, source),
    forget: (session) => {
      own.forget(session);
      for (const name of kept.keys()) if (name.startsWith(`${session} `)) kept.delete(name);
    },
  };
}
