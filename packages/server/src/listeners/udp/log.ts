type Write = (fields: Record<string, unknown>, message: string) => void;

/** What listeners need of a logger: fields first, then a sentence, as pino does it. */
export interface ListenerLog {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}
