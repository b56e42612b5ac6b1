/** One thing wrong with a document, and what to do about it. */
export interface Problem {
  /** Dotted path of the key; empty where it is about the whole file. */
  readonly key: string;
  /** Where it was said: `/etc/drover/drover.yaml:3`, `DROVER_SITE`, `command line`. */
  readonly origin: string;
  /** A clause whose subject is the key. */
  readonly message: string;
  /** A sentence. */
  readonly remedy: string;
}

const problemText = ({ key, origin, message, remedy }: Problem): string =>
  `${origin}: ${key === '' ? '' : `${key} `}${message}. ${remedy}`;

/** A document cannot be used. The message names every problem with its place and remedy. */
export class DocumentError extends Error {
  readonly problems: readonly Problem[];
  constructor(name: string, problems: readonly Problem[]) {
    super(problems.map(problemText).join('\n'));
    this.name = name;
    this.problems = problems;
  }
}
