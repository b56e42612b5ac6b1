/** A stage of a build, as its log says: `[3/12] Packages (kept)`. */
export interface BuildStage {
  readonly number: number;
  readonly of: number;
  readonly title: string;
  /** An earlier build has made it already. */
  readonly kept: boolean;
  /** Line it begins at, from 0. */
  readonly line: number;
  /** Seconds it took; undefined where the log does not say: less than one, or not over. */
  readonly seconds: number | undefined;
}

export interface BuildLog {
  readonly lines: readonly string[];
  readonly stages: readonly BuildStage[];
  /** Bytes of the log that are in it. */
  readonly bytes: number;
}

export const emptyLog: BuildLog = { lines: [], stages: [], bytes: 0 };

const stagePattern = /^\[(\d{1,3})\/(\d{1,3})\] (.+?)( \(kept\))?$/;
const donePattern = /^(.+): (\d{1,6}) s$/;

/** Escape and what follows it: colours and cursor moves of programs (ECMA-48, control sequences and single-character functions). */
const escapes = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-9;?]*[ -/]*[@-~]|[@-Z\\\\-_])`, 'g');

/** A line as a screen shows it in the end: without colours, and without what a carriage return has overwritten. */
const plain = (line: string): string => {
  const text = line.replace(escapes, '').replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
};

const stageOf = (text: string, line: number): BuildStage | undefined => {
  const match = stagePattern.exec(text);
  if (match === null) return undefined;
  const [, number, of, title = '', kept] = match;
  return { number: Number(number), of: Number(of), title, kept: kept !== undefined, line, seconds: undefined };
};

export interface LogReader {
  /** Takes the next bytes of the log. */
  push(bytes: Uint8Array): void;
  /** All of it so far; the last line may go on. The same object as long as nothing came. */
  log(): BuildLog;
}

/** Reads a build's log as it comes, wherever it is cut. Each byte is looked at once, however long the log gets. */
export const createLogReader = (): LogReader => {
  const decoder = new TextDecoder();
  const lines: string[] = [];
  let stages: BuildStage[] = [];
  let open = '';
  let bytes = 0;
  let known = emptyLog;

  const end = (raw: string): void => {
    const text = plain(raw);
    const stage = stageOf(text, lines.length);
    if (stage !== undefined) stages = [...stages, stage];
    const done = donePattern.exec(text);
    if (done !== null) {
      stages = stages.map((each) => (each.title === done[1] ? { ...each, seconds: Number(done[2]) } : each));
    }
    lines.push(text);
  };
  return {
    push: (piece) => {
      bytes += piece.length;
      const parts = (open + decoder.decode(piece, { stream: true })).split('\n');
      open = parts.pop() ?? '';
      for (const part of parts) end(part);
    },
    log: () => {
      if (known.bytes !== bytes) {
        const last = plain(open);
        known = { lines: last === '' ? [...lines] : [...lines, last], stages, bytes };
      }
      return known;
    },
  };
};

/** Indices of the lines that hold `text`, upper and lower case alike; none for no text. */
export const findLines = (lines: readonly string[], text: string): readonly number[] => {
  const wanted = text.toLowerCase();
  if (wanted === '') return [];
  const found: number[] = [];
  for (const [index, line] of lines.entries()) if (line.toLowerCase().includes(wanted)) found.push(index);
  return found;
};
