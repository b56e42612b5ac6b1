import type { Progress } from '@drover/contract';
import type { BuildEvent, LogWriter } from './ports.js';

/** Tells what a build does: in its log, and as the progress of its job. */
export interface Narrator {
  readonly tell: (event: BuildEvent) => void;
  /** A stage of ours, after those of the builder. */
  readonly stage: (title: string) => void;
  /** A line of our own. */
  readonly say: (text: string) => void;
}

/** Shorter stages are not worth a line. */
const worthALine = 1;

export function createNarrator(log: LogWriter, progress: (progress: Progress) => void): Narrator {
  let number = 0;
  let isLineOpen = false;
  const line = (text: string): void => {
    log.write(`${isLineOpen ? '\n' : ''}${text}\n`);
    isLineOpen = false;
  };
  const begin = (at: number, of: number, title: string, kept: boolean): void => {
    number = at;
    line(`[${at}/${of}] ${title}${kept ? ' (kept)' : ''}`);
    progress({ step: title, done: at, total: of, unit: 'stages' });
  };
  return {
    tell: (event) => {
      if (event.kind === 'stage') begin(event.number, event.of + 1, event.title, event.kept);
      else if (event.kind === 'stage-done') {
        if (event.seconds >= worthALine) line(`${event.title}: ${Math.round(event.seconds)} s`);
      } else if (event.text !== '') {
        log.write(event.text);
        isLineOpen = !event.text.endsWith('\n');
      }
    },
    stage: (title) => begin(number + 1, number + 1, title, false),
    say: line,
  };
}
