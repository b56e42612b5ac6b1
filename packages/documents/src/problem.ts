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

export const problemText = ({ key, origin, message, remedy }: Problem): string =>
  `${origin}: ${key === '' ? '' : `${key} `}${message}. ${remedy}`;
