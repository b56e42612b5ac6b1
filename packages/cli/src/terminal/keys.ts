import type { ReadStream } from 'node:tty';

/** Ctrl-], as telnet and virsh have it. */
const escape = 0x1d;

/** A terminal whose keys go somewhere else, each as it is pressed. */
export interface Keys {
  /** Resolves when Ctrl-] was pressed or standard input ended. */
  readonly ended: Promise<'escape' | 'end'>;
  /** Gives the terminal back as it was. */
  close(): void;
}

/** Hands over what is typed, or what comes by a pipe, as bytes. On a terminal nothing is echoed and no key has a meaning but Ctrl-]. */
export function takeKeys(input: ReadStream | NodeJS.ReadStream, onBytes: (bytes: Uint8Array) => void): Keys {
  const isTerminal = input.isTTY === true;
  if (isTerminal) input.setRawMode(true);
  let finish: (how: 'escape' | 'end') => void = () => undefined;
  const ended = new Promise<'escape' | 'end'>((resolve) => (finish = resolve));
  const onData = (chunk: Buffer): void => {
    const at = isTerminal ? chunk.indexOf(escape) : -1;
    const bytes = at < 0 ? chunk : chunk.subarray(0, at);
    if (bytes.length > 0) onBytes(bytes);
    if (at >= 0) finish('escape');
  };
  const onEnd = (): void => finish('end');
  input.on('data', onData);
  input.once('end', onEnd);
  input.resume();
  return {
    ended,
    close: () => {
      input.off('data', onData);
      input.off('end', onEnd);
      if (isTerminal) input.setRawMode(false);
      input.pause();
    },
  };
}
