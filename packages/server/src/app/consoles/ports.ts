import type { DeviceConsole } from '@drover/contract';

/** An open serial console. */
export interface ConsoleLine {
  /** What it shows; ends when the other side closes it. Rejects when it is lost. To be taken once. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Types. Rejects when the line is lost. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends it; nothing of it is left when this resolves. */
  close(): Promise<void>;
}

/** Opens consoles of every kind. Rejects with an Error whose message says why it cannot; the signal ends the attempt, not the line. */
export type OpenConsole = (console: DeviceConsole, signal: AbortSignal) => Promise<ConsoleLine>;
