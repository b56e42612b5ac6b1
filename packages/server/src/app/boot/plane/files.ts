import type { FileSource } from '../../../domain/boot-plan.js';
import { resolveBootFile } from '../../../domain/boot-tree.js';
import { isKernelPath } from '../../../domain/session-open.js';
import type { Clock, Log } from '../../ports.js';
import type { Board, CurrentBoot } from './board-book.js';
import type { Boots } from './boots.js';
import type { LocateBoard } from './locate-board.js';
import type { Overlays } from './overlays.js';
import type { BootFileAnswer, BootFileRequest, BootFiles, NewEntry, OpenBootFile, TransferEnd } from './ports.js';
import { tagOf, type SegmentReader } from './segments.js';

interface FilesDeps {
  readonly locate: LocateBoard;
  readonly boots: Boots;
  readonly overlays: Overlays;
  readonly segments: SegmentReader;
  readonly clock: Clock;
  readonly log: Log;
  /** `http://host:port` of the boot HTTP listener at an address of ours. */
  readonly serverUrl: (localAddress: string) => string;
}

/** Boot files of every board, whichever way they are asked for. */
export function createBootFiles(deps: FilesDeps): BootFiles {
  const { boots, clock } = deps;

  const sign = (board: Board, file: string): CurrentBoot =>
    boots.sign(board, {
      kind: 'file',
      at: clock.now(),
      path: file,
      generation: board.answer.kind === 'boot' ? board.answer.plan.generation : null,
      busy: board.transfers > 0,
    });

  const absent = (boot: CurrentBoot, request: BootFileRequest, detail?: string): BootFileAnswer => {
    const end = { outcome: 'absent', bytes: 0, ms: 0, ...(detail === undefined ? {} : { detail }) } as const;
    boots.note(boot, transferEntry(request, end));
    return { kind: 'absent' };
  };

  const openFile = (board: Board, boot: CurrentBoot, request: BootFileRequest, source: FileSource): OpenBootFile => {
    let ended = false;
    board.transfers += 1;
    return {
      size: source.size,
      tag: tagOf(source),
      source,
      read: (offset, length) => deps.segments.read(source, offset, length),
      end: (end) => {
        if (ended) return;
        ended = true;
        board.transfers -= 1;
        boots.touched(boot);
        if (end.outcome === 'complete' && isKernelPath(request.path)) boots.reached(boot, 'kernel');
        boots.note(boot, transferEntry(request, end));
      },
    };
  };

  /** Copies of a disk's files that had to make room are made again. Undefined: nothing can be said now. */
  const find = async (boot: CurrentBoot, file: string, again = false): Promise<FileSource | 'absent' | undefined> => {
    const rendered = await deps.overlays.of(boot);
    if (rendered === undefined) return undefined;
    const source = resolveBootFile(rendered.tree, rendered.overlay, file);
    if (source === undefined) return 'absent';
    if (await deps.overlays.holds(rendered, source)) return source;
    deps.overlays.forget(boot.track.id);
    return again ? undefined : find(boot, file, true);
  };

  return {
    open: async (request) => {
      const located = await deps.locate(request);
      if (located === undefined) return { kind: 'refused', reason: 'this path cannot be on a boot partition' };
      const { board, file } = located;
      if (board === undefined) return { kind: 'absent' };
      const boot = sign(board, file);
      if (boot.plan === null) return absent(boot, request, 'nothing to boot');
      // Begun by its card, or remembered from then: the files of the network are none for it.
      if (boot.plan.rootMode === 'sd') return absent(boot, request, 'it is to run from its card');
      boot.serverUrl ??= deps.serverUrl(request.localAddress);
      const found = await find(boot, file).catch((error: unknown) => {
        deps.log.error({ err: error, device: boot.device.id }, 'the boot files of a board cannot be read');
        return undefined;
      });
      if (found === undefined) return absent(boot, request, 'the boot files cannot be read now');
      if (found === 'absent') return absent(boot, request);
      return { kind: 'file', file: openFile(board, boot, request, found) };
    },
  };
}

/** Paths come from the wire: the timeline takes a bounded piece of them. */
const longestPath = 255;

export type NotedEnd = TransferEnd | (Omit<TransferEnd, 'outcome'> & { readonly outcome: 'absent' });

/** A transfer as the timeline has it. */
export function transferEntry(request: Pick<BootFileRequest, 'path' | 'transport'>, end: NotedEnd): NewEntry {
  const common = {
    path: request.path.slice(0, longestPath),
    bytes: end.bytes,
    ms: Math.round(end.ms),
    outcome: end.outcome,
    ...(end.detail === undefined ? {} : { detail: end.detail.slice(0, longestPath) }),
  };
  if (request.transport === 'http') return { type: 'http.file', ...common };
  const { blockSize = 512, windowSize = 1, retransmits = 0 } = end;
  return { type: 'tftp.file', ...common, blockSize, windowSize, retransmits };
}
