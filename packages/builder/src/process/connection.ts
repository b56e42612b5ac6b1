/** A process that builds, wherever it runs. */
export interface Connection {
  /** How messages call the place: `this machine`, `pi@builder`. */
  readonly place: string;
  /** Whether it sees the files of this machine. */
  readonly isLocal: boolean;
  /** Where that machine keeps packages and layers. */
  readonly cacheDir: string;
  /** One line to the process. */
  send(line: string): void;
  /** Lines it says; they end with the process. */
  readonly lines: AsyncIterable<string>;
  /** Brings files of its folder into one of ours. */
  fetch(folder: string, names: readonly string[], into: string, signal: AbortSignal): Promise<void>;
  /** Ends the process, and waits until it has cleaned up. Says how it ended: its code, and the last it said besides its lines. */
  close(): Promise<{ readonly code: number | null; readonly said: string }>;
}

export type Connect = (signal: AbortSignal) => Promise<Connection>;
