import { isKernelPath, type BootPhase } from '../../../domain/session-open.js';
import type { Clock } from '../../ports.js';
import type { BoardBook } from './board-book.js';
import type { Boots } from './boots.js';
import { transferEntry, type NotedEnd } from './files.js';

/** Puts what a rule of TFTP answered on the timeline of whoever asked, where that is known. */
export type NoteRuleFile = (request: { readonly path: string; readonly clientAddress: string }, end: NotedEnd) => void;

interface Deps {
  readonly book: Pick<BoardBook, 'find' | 'byAddress'>;
  readonly boots: Pick<Boots, 'note' | 'touched' | 'reached'>;
  readonly clock: Clock;
}

/** As long as firmware is at work. What a system asks later is no part of its boot, and would make a boot that is over look like one that goes on. */
const isFirmware = (phase: BootPhase): boolean => phase !== 'running' && phase !== 'ended';

/** Nobody is asked: a board that only shows itself by files of rules is not known. */
export function createRuleNotes({ book, boots, clock }: Deps): NoteRuleFile {
  return ({ path, clientAddress }, end) => {
    const prefix = /^([0-9a-f]{8})\//i.exec(path)?.[1]?.toLowerCase();
    const named = prefix === undefined ? undefined : book.find({ bootPrefix: prefix });
    const boot = (named ?? book.byAddress(clientAddress, clock.now()))?.boot;
    if (boot == null || !isFirmware(boot.track.phase)) return;
    boots.touched(boot);
    if (end.outcome === 'complete' && isKernelPath(path)) boots.reached(boot, 'kernel');
    boots.note(boot, transferEntry({ path, transport: 'tftp' }, end));
  };
}
