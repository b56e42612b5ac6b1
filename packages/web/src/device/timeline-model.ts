import type { BootSession, SessionOutcome, SessionStage, TimelineEntry, TimelineItem } from '@drover/contract';
import { bytesText, durationText, speedText } from '../ui/format.js';
import { bootStages, stageNames, stageOf, stageOfEntry, stepText, type BootStage } from './stages.js';

export type RowTone = 'plain' | 'quiet' | 'ok' | 'warn' | 'bad';

/** One line of a timeline. */
export interface TimelineRow {
  readonly key: string;
  /** Ms since the epoch. */
  readonly at: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly size: string | undefined;
  readonly speed: string | undefined;
  /** How long it took, as text. */
  readonly took: string | undefined;
  readonly tone: RowTone;
  /** A step that has begun and not ended. */
  readonly isRunning: boolean;
  /** Rows of no consequence are folded: probes, files that need not be there. */
  readonly isFolded: boolean;
}

export type StageState = 'done' | 'now' | 'failed' | 'waiting' | 'skipped';

export interface StageModel {
  readonly stage: BootStage;
  readonly name: string;
  readonly state: StageState;
  /** Ms from its first entry to the first of the next, or to its last. */
  readonly ms: number | undefined;
  readonly rows: readonly TimelineRow[];
  readonly folded: readonly TimelineRow[];
}

export interface LogPiece {
  readonly key: string;
  readonly source: string;
  readonly text: string;
}

export interface TimelineModel {
  readonly stages: readonly StageModel[];
  readonly logs: readonly LogPiece[];
  /** Files sent whole, and bytes in all. */
  readonly files: number;
  readonly bytes: number;
}

type Transfer = Extract<TimelineEntry, { type: 'tftp.file' | 'http.file' | 'root.download' }>;
type Report = Extract<TimelineEntry, { type: 'report' }>;
type RowText = Pick<TimelineRow, 'title'> & Partial<Omit<TimelineRow, 'key' | 'at'>>;

const transferWords: Readonly<Record<Transfer['outcome'], readonly [text: string, tone: RowTone]>> = {
  complete: ['', 'plain'],
  absent: ['is not there, which is normal', 'quiet'],
  probe: ['looked at only', 'quiet'],
  refused: ['was refused', 'bad'],
  aborted: ['was broken off by the board', 'warn'],
  'timed-out': ['was given up: the board fell silent', 'warn'],
  failed: ['could not be sent', 'bad'],
};

const joined = (...parts: readonly (string | undefined)[]): string | undefined => {
  const text = parts.filter((part) => part !== undefined && part !== '').join(', ');
  return text === '' ? undefined : text;
};

const transferRow = (entry: Transfer): RowText => {
  const [word, tone] = transferWords[entry.outcome];
  const again =
    entry.type === 'tftp.file' && entry.retransmits > 0 ? `${entry.retransmits} blocks sent again` : undefined;
  const isFolded = tone === 'quiet';
  const measured = isFolded
    ? {}
    : { size: bytesText(entry.bytes), speed: speedText(entry.bytes, entry.ms), took: durationText(entry.ms) };
  return {
    title: entry.type === 'root.download' ? 'The root, as it was sent' : entry.path,
    detail: joined(word, again, entry.detail),
    ...{ tone, isFolded, ...measured },
  };
};

const exchangeRow = ({ outcome, address }: Extract<TimelineEntry, { type: 'exchange' }>): RowText => {
  const words: Readonly<Record<typeof outcome, readonly [title: string, tone: RowTone]>> = {
    granted: ['The secret was right: the board may have its root', 'plain'],
    repeated: ['The secret was shown again by the same board', 'quiet'],
    'not-ready': ['The root is not ready yet; the board asks again', 'quiet'],
    expired: ['The secret came too late', 'bad'],
    'used-twice': ['The secret was used a second time', 'bad'],
    wrong: ['The secret was wrong', 'bad'],
    impostor: ['Somebody asked in the name of a board that is up', 'bad'],
  };
  const [title, tone] = words[outcome];
  return { title, tone, detail: `from ${address}`, isFolded: tone === 'quiet' };
};

const reportTones: Readonly<Record<Report['state'], RowTone>> = {
  start: 'plain',
  progress: 'plain',
  ok: 'plain',
  info: 'plain',
  failed: 'bad',
};

const diskRow = (entry: TimelineEntry): RowText | undefined => {
  switch (entry.type) {
    case 'disk.attached':
      return {
        title: `Disk ${entry.disk} attached`,
        detail: joined(`from ${entry.address}`, entry.readOnly ? 'read only' : ''),
      };
    case 'disk.detached':
      return {
        title: `Disk ${entry.disk} ${entry.by === 'disconnect' ? 'detached' : entry.by === 'lost' ? 'lost' : 'taken away'}`,
        detail: joined(`${bytesText(entry.readBytes)} read`, `${bytesText(entry.writtenBytes)} written`, entry.detail),
        took: durationText(entry.ms),
        tone: entry.by === 'lost' ? 'warn' : 'plain',
      };
    case 'disk.grown':
      return { title: `Partition ${entry.partition} grown to ${bytesText(entry.after)}` };
    case 'disk.not-grown':
      return { title: `Partition ${entry.partition} does not grow with its disk`, detail: entry.reason, tone: 'warn' };
    case 'nfs.moved':
      return { title: `Its directories are exported to ${entry.to} now`, detail: `no longer to ${entry.from}` };
    case 'nfs.refused':
      return {
        title: `Somebody with its hardware address asked for ${entry.to}`,
        detail: `the board itself is at ${entry.from}`,
        tone: 'bad',
      };
    case 'boot.files':
      return {
        title:
          entry.from === 'image' ? 'Boot files of the image' : `Boot files of its own disk: ${entry.files} changed`,
        detail: joined(...entry.warnings),
        tone: entry.warnings.length > 0 ? 'warn' : 'plain',
      };
    default:
      return undefined;
  }
};

const networkRow = (entry: TimelineEntry): RowText | undefined => {
  switch (entry.type) {
    case 'dhcp.discover':
      return {
        title: 'Asks who can boot it (DISCOVER)',
        detail: joined(entry.mac, `on ${entry.interface}`, entry.relay === undefined ? '' : `through ${entry.relay}`),
      };
    case 'dhcp.offer':
      return {
        title: 'Is told to boot from here (OFFER)',
        detail: `by ${entry.server}`,
        took: durationText(entry.delayMs),
      };
    case 'dhcp.request':
      return { title: 'Takes an address (REQUEST)', detail: entry.address };
    case 'dhcp.ignored':
      return { title: 'Was not answered', detail: entry.reason, tone: 'warn' };
    case 'dhcp.rival':
      return {
        title: `Another server answers too: ${entry.server}`,
        detail: `with options ${entry.options.join(', ')}`,
        tone: 'warn',
      };
    default:
      return undefined;
  }
};

/** One entry in words; undefined: it is shown elsewhere. Reports are merged by step, see below. */
const rowOf = (entry: TimelineEntry): RowText | undefined => {
  switch (entry.type) {
    case 'tftp.file':
    case 'http.file':
    case 'root.download':
      return transferRow(entry);
    case 'exchange':
      return exchangeRow(entry);
    case 'card.asked':
      return {
        title:
          entry.outcome === 'booting'
            ? 'Its card asked what to boot'
            : `Its card ${entry.outcome === 'waiting' ? 'waits' : 'was refused'}`,
        detail: joined(`from ${entry.address}`, `kernel ${entry.release}`, entry.reason),
        tone: entry.outcome === 'refused' ? 'bad' : 'plain',
      };
    case 'report':
    case 'log':
    case 'session.opened':
    case 'session.ended':
      return undefined;
    default:
      return diskRow(entry) ?? networkRow(entry);
  }
};

interface Placed {
  readonly stage: BootStage;
  readonly row: TimelineRow;
}

const complete = (key: string, at: number, text: RowText): TimelineRow => ({
  ...{
    detail: undefined,
    size: undefined,
    speed: undefined,
    took: undefined,
    tone: 'plain',
    isRunning: false,
    isFolded: false,
  },
  ...text,
  ...{ key, at },
});

/** Start, progress and end of one step are one row, with the time between. */
const mergeReport = (
  rows: Placed[],
  began: Map<string, number>,
  seq: number,
  entry: Report,
  stage: BootStage,
): void => {
  const at = Date.parse(entry.at);
  const known = began.get(entry.step);
  const former = known === undefined ? undefined : rows[known];
  const isEnd = entry.state === 'ok' || entry.state === 'failed';
  const isUp = entry.step === 'up' && entry.state === 'ok';
  const merges = former !== undefined && former.row.isRunning;
  const row = complete(merges ? former.row.key : `${seq}`, merges ? former.row.at : at, {
    title: stepText(entry.step),
    detail: joined(
      entry.message,
      isUp && entry.uptime !== undefined ? `${entry.uptime.toFixed(1)} s after its kernel started` : '',
    ),
    took: merges && isEnd ? durationText(at - former.row.at) : undefined,
    tone: isUp ? 'ok' : reportTones[entry.state],
    isRunning: entry.state === 'start' || entry.state === 'progress',
  });
  if (merges && known !== undefined) rows[known] = { stage: former.stage, row };
  else {
    began.set(entry.step, rows.length);
    rows.push({ stage, row });
  }
};

const place = (items: readonly TimelineItem[]): { rows: Placed[]; logs: LogPiece[]; files: number; bytes: number } => {
  const rows: Placed[] = [];
  const logs: LogPiece[] = [];
  const began = new Map<string, number>();
  let stage: BootStage = 'dhcp';
  let [files, bytes] = [0, 0];
  for (const { seq, entry } of items) {
    const own: BootStage = stageOfEntry(entry) ?? stage;
    // An operating system asks for an address again; the boot does not go back for that.
    if (bootStages.indexOf(own) > bootStages.indexOf(stage)) stage = own;
    if (entry.type === 'report') {
      // One without words only carries a piece of log.
      if (entry.state !== 'info' || entry.message !== '') mergeReport(rows, began, seq, entry, own);
    } else if (entry.type === 'log') logs.push({ key: `${seq}`, source: entry.source, text: entry.text });
    if ('bytes' in entry && 'outcome' in entry) {
      bytes += entry.bytes;
      if (entry.outcome === 'complete') files += 1;
    }
    const text = rowOf(entry);
    if (text !== undefined) rows.push({ stage: own, row: complete(`${seq}`, Date.parse(entry.at), text) });
  }
  // What the server saw and what the board told come in batches of their own.
  return { rows: rows.sort((a, b) => a.row.at - b.row.at), logs, files, bytes };
};

const ended: ReadonlySet<SessionOutcome> = new Set<SessionOutcome>(['failed', 'lost', 'revoked', 'superseded']);

const stateOf = (index: number, reached: number, outcome: SessionOutcome, hasRows: boolean): StageState => {
  if (outcome === 'up') return index === bootStages.length - 1 || hasRows ? 'done' : 'skipped';
  if (index < reached) return hasRows ? 'done' : 'skipped';
  if (index > reached) return 'waiting';
  return ended.has(outcome) ? 'failed' : 'now';
};

/** How far it came: as the session says, or further where its timeline is ahead of that. */
const reachedStage = (stage: SessionStage, rows: readonly Placed[]): number =>
  Math.max(bootStages.indexOf(stageOf(stage)), ...rows.map((placed) => bootStages.indexOf(placed.stage)));

/** A session's timeline as stages and rows. `items` are in order of `seq`. */
export const timelineModel = (
  items: readonly TimelineItem[],
  session: Pick<BootSession, 'stage' | 'outcome' | 'endedAt'>,
): TimelineModel => {
  const { rows, logs, files, bytes } = place(items);
  const reached = reachedStage(session.stage, rows);
  const begins = bootStages.map((stage) => rows.find((placed) => placed.stage === stage)?.row.at);
  const stages = bootStages.map((stage, index): StageModel => {
    const own = rows.filter((placed) => placed.stage === stage).map(({ row }) => row);
    const begin = begins[index];
    const next = begins.slice(index + 1).find((at) => at !== undefined && begin !== undefined && at >= begin);
    const last = own.at(-1)?.at;
    const end = next ?? last;
    return {
      ...{ stage, name: stageNames[stage], state: stateOf(index, reached, session.outcome, own.length > 0) },
      ms: begin === undefined || end === undefined || stage === 'up' ? undefined : end - begin,
      rows: own.filter((row) => !row.isFolded),
      folded: own.filter((row) => row.isFolded),
    };
  });
  return { stages, logs, files, bytes };
};

/** Adds items that are new, in order; the same array where none is. */
export const withItems = (known: readonly TimelineItem[], more: readonly TimelineItem[]): readonly TimelineItem[] => {
  const seen = new Set(known.map(({ seq }) => seq));
  const fresh = more.filter(({ seq }) => !seen.has(seq));
  return fresh.length === 0 ? known : [...known, ...fresh].sort((a, b) => a.seq - b.seq);
};
