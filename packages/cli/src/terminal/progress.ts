import { bytesText, durationText, speedText } from './format.js';
import type { Io } from './io.js';

export interface ProgressState {
  readonly label: string;
  readonly done: number;
  /** null: not known. */
  readonly total: number | null;
  readonly unit: string;
}

/** Shows how far something is: one line that renews itself on a terminal, a plain line for each tenth elsewhere. */
export interface ProgressBar {
  update(state: ProgressState): void;
  /** Leaves a line that stays. */
  note(text: string): void;
  end(): void;
}

const barWidth = 24;

const amount = (value: number, unit: string): string => (unit === 'bytes' ? bytesText(value) : `${Math.round(value)}`);

/** `12 MiB of 1.2 GiB` or `12 of 40 files`. */
const amountText = ({ done, total, unit }: ProgressState): string => {
  if (total === null && done === 0) return '';
  const of = total === null ? amount(done, unit) : `${amount(done, unit)} of ${amount(total, unit)}`;
  return unit === 'bytes' ? of : `${of} ${unit}`;
};

export const createProgressBar = (io: Io, now: () => number = Date.now): ProgressBar => {
  let shown = '';
  let label = '';
  let since = { at: now(), done: 0 };
  let tenth = -1;

  const clear = (): void => {
    if (shown !== '') io.err('\r\u001b[K');
    shown = '';
  };

  const live = (state: ProgressState): void => {
    const share = state.total === null || state.total === 0 ? undefined : Math.min(1, state.done / state.total);
    const filled = share === undefined ? 0 : Math.round(share * barWidth);
    const bar =
      share === undefined
        ? ''
        : `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${String(Math.floor(share * 100)).padStart(3)}% `;
    const ms = now() - since.at;
    const moved = state.done - since.done;
    const speed = state.unit === 'bytes' && ms > 500 && moved > 0 ? ` ${speedText(moved, ms)}` : '';
    const left =
      state.total !== null && moved > 0 && ms > 2000
        ? `, ${durationText(((state.total - state.done) / moved) * ms)} left`
        : '';
    const text = `${state.label} ${bar}${amountText(state)}${speed}${left}`.slice(0, Math.max(20, io.columns - 1));
    clear();
    io.err(text);
    shown = text;
  };

  const plain = (state: ProgressState): void => {
    const now10 = state.total === null || state.total === 0 ? 0 : Math.floor((state.done / state.total) * 10);
    if (now10 === tenth) return;
    tenth = now10;
    io.err(`${`${state.label} ${amountText(state)}`.trimEnd()}\n`);
  };

  return {
    update: (state) => {
      if (state.label !== label) {
        label = state.label;
        tenth = -1;
        since = { at: now(), done: state.done };
      }
      if (io.isLive) live(state);
      else plain(state);
    },
    note: (text) => {
      clear();
      io.err(`${text}\n`);
    },
    end: clear,
  };
};
