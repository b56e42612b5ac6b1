import { bootSteps, type BootSession, type SessionStage, type TimelineEntry, sessionStages } from '@drover/contract';
import { isKernelPath } from './session-open.js';
import { isHearsay } from './sign-of-life.js';

/** The part of a session that its timeline decides. */
export type SessionProgress = Pick<BootSession, 'stage' | 'outcome' | 'upAt' | 'endedAt' | 'bytes'>;

/** How far a report says the board is. Steps from `mount` on have the root in hand. */
const stageOfStep = (step: string): SessionStage => {
  const index = bootSteps.findIndex((known) => known === step);
  return index >= bootSteps.indexOf('mount') ? 'root' : 'initramfs';
};

/** The stage an entry proves, if any. */
function stageOf(entry: TimelineEntry): SessionStage | undefined {
  switch (entry.type) {
    case 'tftp.file':
    case 'http.file':
      return entry.outcome === 'complete' && isKernelPath(entry.path) ? 'kernel' : 'firmware';
    case 'card.asked':
      return entry.outcome === 'booting' ? 'kernel' : undefined;
    case 'root.download':
      return 'initramfs';
    case 'exchange':
      return entry.outcome === 'granted' || entry.outcome === 'repeated' ? 'initramfs' : undefined;
    case 'report':
      return entry.step === 'up' && entry.state === 'ok' ? 'up' : stageOfStep(entry.step);
    case 'log':
      if (isHearsay(entry)) return undefined;
      return entry.source === 'root' ? 'root' : 'initramfs';
    default:
      return undefined;
  }
}

const furthest = (a: SessionStage, b: SessionStage | undefined): SessionStage =>
  b !== undefined && sessionStages.indexOf(b) > sessionStages.indexOf(a) ? b : a;

const bytesOf = (entry: TimelineEntry): number =>
  entry.type === 'tftp.file' || entry.type === 'http.file' || entry.type === 'root.download' ? entry.bytes : 0;

/**
 * What a session is after one more entry. Nothing follows `revoked`, and only "up" follows `superseded`: the board itself knows better which boot it is
 * at. A board that was given up, or gave up a step, and goes on after all is running again.
 */
export function advance(session: SessionProgress, entry: TimelineEntry): SessionProgress {
  const counted = { ...session, bytes: session.bytes + bytesOf(entry) };
  if (session.outcome === 'revoked' || session.outcome === 'up') return counted;
  if (session.outcome === 'superseded' && stageOf(entry) !== 'up') return counted;
  if (entry.type === 'session.ended') return { ...counted, outcome: entry.outcome, endedAt: entry.at };
  if (entry.type === 'exchange' && (entry.outcome === 'used-twice' || isImpostors(entry))) {
    return { ...counted, outcome: 'revoked', endedAt: entry.at };
  }
  const stage = furthest(session.stage, stageOf(entry));
  if (stage === 'up') return { ...counted, stage, outcome: 'up', upAt: entry.at, endedAt: entry.at };
  if (entry.type === 'card.asked' && entry.outcome === 'refused') {
    return { ...counted, outcome: 'failed', endedAt: entry.at };
  }
  if (entry.type === 'report' && entry.state === 'failed') {
    return { ...counted, stage, outcome: 'failed', endedAt: entry.at };
  }
  return goesOn(entry) ? { ...counted, stage, outcome: 'running', endedAt: null } : { ...counted, stage };
}

/** Of a session that was opened in the name of a board that is up. */
export const isImpostors = (entry: TimelineEntry): boolean =>
  entry.type === 'exchange' && entry.outcome === 'impostor' && entry.other?.isUp === true;

/** Proof that the board is at work on this boot; a log may be the last words of one that gave up. */
const goesOn = (entry: TimelineEntry): boolean =>
  (entry.type === 'report' && entry.state !== 'info') ||
  entry.type === 'tftp.file' ||
  entry.type === 'http.file' ||
  entry.type === 'root.download';

/** How long a running session may be silent at each stage before it counts as lost, in ms. */
export const silenceLimits: Readonly<Record<SessionStage, number>> = {
  // ROM boards try for 25 s, EE boards for 45 s at a time.
  dhcp: 75_000,
  // A file may take the firmware's 30 s, or as long as TFTP_FILE_TIMEOUT says, without an entry.
  firmware: 180_000,
  // Decompressing a large initramfs on an old board, bringing a link up, DHCP.
  kernel: 180_000,
  // The download of a root shows only at its end, and a root that is being made is waited for.
  initramfs: 900_000,
  root: 600_000,
  up: Number.POSITIVE_INFINITY,
};
