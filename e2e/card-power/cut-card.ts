/**
 * Cuts the power of a card at moments of a recorded log of writes, and asks the model of the firmware what boards would start from it then. The log
 * may come from a guest whose SD card is a `recordedDrive`, or from {@link file://./record-card.ts}.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chooseFromCard, openDiskFile, type CardBoot } from '../../packages/simulator/src/index.js';
import { drawMoments, durableOf, volatileOf, type Moment } from '../power/crash-states.js';
import { openWriteLog, type LogEntry } from '../power/write-log.js';
import { cardState, type CardState } from './card-state.js';
import { startOf, type KnownSet } from './known-set.js';

export interface CardCuts {
  /** Image of the whole card before the first write of the log. */
  readonly base: string;
  readonly log: string;
  /** What it may start; each write of the log must leave one of them. */
  readonly sets: readonly KnownSet[];
  readonly boots: readonly CardBoot[];
  /** So many at random; or after each write of the log, so many times each. */
  readonly moments: { readonly random: number } | { readonly each: number };
  /** Writes of the log between which the power is cut; all when left out. */
  readonly range?: { readonly from: number; readonly to: number };
  /** Where the firmware reads: writes behind it are left out, which makes a large card quick to judge. All when left out. */
  readonly within?: { readonly end: number };
  readonly chance: () => number;
  /** Asks fsck.vfat of the partition that begins there as well; what it says judges nothing. The file is for its use. */
  readonly fsck?: { readonly file: string; readonly offset: number };
}

export interface CardVerdict extends Moment {
  /** The boot as asked: model, and `tryboot`. */
  readonly boot: string;
  /** Name of the set that is started; undefined when something is wrong. */
  readonly set: string | undefined;
  readonly wrong: string | undefined;
  /** Exit code of fsck.vfat -n: 0 where it finds nothing. */
  readonly fsck: number | undefined;
}

/** The moment after each count of writes, with what was durable by then. */
function* eachMoment(entries: readonly LogEntry[], { from, to }: { from: number; to: number }, times: number) {
  for (let given = from; given <= to; given += 1) {
    const durable = entries.slice(0, given).findLastIndex(({ flush }) => flush) + 1;
    for (let time = 0; time < times; time += 1) yield { given, durable };
  }
}

const momentsOf = (entries: readonly LogEntry[], { moments, range, chance }: CardCuts): Iterable<Moment> => {
  const between = range ?? { from: 0, to: entries.length };
  return 'random' in moments
    ? drawMoments(entries, between, moments.random, chance)
    : eachMoment(entries, between, moments.each);
};

const bootText = ({ board, tryboot }: CardBoot): string =>
  `${typeof board === 'string' ? board : board.model.name}${tryboot === true ? ' tryboot' : ''}`;

const fsckOf = (state: CardState, base: string, fsck: CardCuts['fsck']): number | undefined => {
  if (fsck === undefined) return undefined;
  state.writeTo(fsck.file, base);
  const part = ['if=' + fsck.file, `of=${fsck.file}.part`, 'bs=1M', 'iflag=skip_bytes', `skip=${fsck.offset}`];
  spawnSync('dd', [...part, 'status=none']);
  const { status } = spawnSync('fsck.vfat', ['-n', `${fsck.file}.part`]);
  for (const name of [fsck.file, `${fsck.file}.part`]) rmSync(name);
  return status ?? undefined;
};

async function judge(state: CardState, cuts: CardCuts, moment: Moment): Promise<CardVerdict[]> {
  const fsck = fsckOf(state, cuts.base, cuts.fsck);
  const verdicts: CardVerdict[] = [];
  for (const boot of cuts.boots) {
    const start = startOf(await chooseFromCard(state, boot), cuts.sets);
    const found = 'set' in start ? { set: start.set, wrong: undefined } : { set: undefined, wrong: start.wrong };
    verdicts.push({ ...moment, boot: bootText(boot), ...found, fsck });
  }
  return verdicts;
}

/** A verdict for each moment and boot. */
export async function cutCard(cuts: CardCuts): Promise<CardVerdict[]> {
  const log = openWriteLog(cuts.log);
  const entries = log.entries();
  const isRead = ({ offset }: LogEntry): boolean => cuts.within === undefined || offset < cuts.within.end;
  const base = openDiskFile(cuts.base);
  try {
    const verdicts: CardVerdict[] = [];
    // Moments come in order, so what is durable only grows: it is read once.
    const durable = cardState(base);
    let held = 0;
    for (const moment of momentsOf(entries, cuts)) {
      durable.add(durableOf(log, entries.slice(held, moment.durable), isRead));
      held = moment.durable;
      const state = durable.over(volatileOf(log, entries, moment, cuts.chance, isRead));
      verdicts.push(...(await judge(state, cuts, moment)));
    }
    return verdicts;
  } finally {
    base.close();
  }
}
