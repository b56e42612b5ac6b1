/** What a terminal sends for a key (xterm's control sequences); undefined: the browser keeps it. Tab is the way out, as everywhere else on the page. */
export const bytesOfKey = (
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>,
  hasSelection: boolean,
): string | undefined => {
  const { key, ctrlKey, metaKey, altKey } = event;
  if (metaKey) return undefined;
  if (ctrlKey && !altKey) {
    // What is selected is copied, and what is pasted comes as an event of its own.
    if ((key === 'c' && hasSelection) || key === 'v') return undefined;
    if (/^[a-z]$/.test(key)) return String.fromCharCode(key.charCodeAt(0) - 96);
    const others: Readonly<Record<string, string>> = { '[': '\u001b', '\\': '\u001c', ']': '\u001d', ' ': '\u0000' };
    return others[key];
  }
  if (key.length === 1 && !altKey) return key;
  return special.get(key);
};

const special: ReadonlyMap<string, string> = new Map([
  ['Enter', '\r'],
  ['Backspace', '\u007f'],
  ['Escape', '\u001b'],
  ['ArrowUp', '\u001b[A'],
  ['ArrowDown', '\u001b[B'],
  ['ArrowRight', '\u001b[C'],
  ['ArrowLeft', '\u001b[D'],
  ['Home', '\u001b[H'],
  ['End', '\u001b[F'],
  ['Delete', '\u001b[3~'],
]);

/** Sends what is typed, in order: what comes while a request is under way goes with the next one. */
export const createTyping = (send: (text: string) => Promise<void>, onFailure: (error: unknown) => void) => {
  let waiting = '';
  let isSending = false;
  /** UTF-16 units that are below the most a request may bring, whatever they are. */
  const mostAtOnce = 1000;
  const pump = async (): Promise<void> => {
    isSending = true;
    try {
      while (waiting !== '') {
        const piece = Array.from(waiting).slice(0, mostAtOnce).join('');
        waiting = waiting.slice(piece.length);
        await send(piece);
      }
    } catch (error) {
      waiting = '';
      onFailure(error);
    }
    isSending = false;
  };
  return (text: string): void => {
    waiting += text;
    if (!isSending) void pump();
  };
};
