import type { BuildEvent } from '@drover/builder';
import { flagOption, type Cli } from '../../command.js';
import type { KeptLog } from '../../kept-log.js';
import { durationText, safeText } from '../../terminal/format.js';

/** What is shown of the programs of a stage that failed, in characters. */
const tailLength = 3000;
/** Stages that took less are not worth a line. */
const worthTelling = 10;

const lineOf = (event: BuildEvent): string => {
  switch (event.kind) {
    case 'stage':
      return `[${event.number}/${event.of}] ${safeText(event.title)}${event.kept ? ' (kept)' : ''}\n`;
    case 'stage-done':
      return `       ${durationText(event.seconds * 1000)}\n`;
    case 'output':
      return event.text;
  }
};

export interface EventsShown {
  readonly onEvent: (event: BuildEvent) => void;
  /** Shows what the programs said last, and where all of it is. */
  readonly onFailure: () => void;
}

/** Stages as lines; what programs say with `--verbose`, or its end when a stage fails. All of it goes to the log. */
export function showEvents(cli: Cli, log: KeptLog | undefined): EventsShown {
  const verbose = flagOption(cli.options, 'verbose');
  let tail = '';
  return {
    onEvent: (event) => {
      const line = lineOf(event);
      log?.write(line);
      if (event.kind === 'stage') tail = '';
      if (event.kind === 'output' && !verbose) tail = (tail + event.text).slice(-tailLength);
      else if (event.kind !== 'stage-done' || event.seconds >= worthTelling) cli.io.err(line);
    },
    onFailure: () => {
      if (tail !== '') cli.io.err(`${safeText(tail).trimEnd()}\n`);
      if (log !== undefined) cli.io.err(`All that was said is in ${log.path}\n`);
    },
  };
}
