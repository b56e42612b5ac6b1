import { bodyBytes, decodeLog } from './datagram.js';
import { createFragments, type WholeRecord } from './fragments.js';
import { createOrder, type Ordered } from './order.js';
import { harmless, textOf } from './text.js';

/** One line of a log, harmless to show. */
export interface LogLine {
  /** `kernel`: surely the kernel's, by its form. `plain`: the bootloader's, or that of a kernel that writes no times. */
  readonly from: 'kernel' | 'plain';
  readonly text: string;
  /** Says why a board is about to stop, or that the kernel is in serious trouble. */
  readonly urgent: boolean;
}

/** Makes lines of the datagrams of one sender. */
export interface LogAssembler {
  take(datagram: Uint8Array): LogLine[];
  /** The lines of what waits for something that has not come. Called when nothing was taken for a moment. */
  flush(): LogLine[];
  /** Something waits. */
  isWaiting(): boolean;
}

export interface LogLimits {
  /** Longest line, in characters; a longer one is cut into several. */
  readonly line: number;
  /** Longest record, in bytes. */
  readonly record: number;
  /** Records that wait for pieces of them. */
  readonly unfinished: number;
  /** Records that wait for one before them. */
  readonly window: number;
}

export const defaultLogLimits: LogLimits = { line: 2048, record: 8192, unfinished: 4, window: 16 };

/** How the kernel begins a line: `[    1.234567]`, with the caller behind it where that is configured, and its level in front. */
const kernelLine = /^(?:<\d{1,3}>)?\[\s*\d+\.\d{6}\](?:\[\s*[TC]\d+\])?/;
const urgentText = /kernel panic|\boops\b|\bBUG:|under-?voltage|not syncing/i;
/** KERN_CRIT and worse. */
const urgentLevel = 2;

const timeOf = ({ uptimeUs }: WholeRecord): string => {
  const seconds = Math.floor(uptimeUs / 1e6);
  return `[${String(seconds).padStart(5)}.${String(uptimeUs % 1e6).padStart(6, '0')}]`;
};

export function createLogAssembler(limits: LogLimits = defaultLogLimits): LogAssembler {
  const fragments = createFragments(limits);
  const order = createOrder(limits.window);
  /** Text without the end of its line yet. */
  let partial = '';
  /** A line that more records may belong to. */
  let open: { readonly record: WholeRecord; text: string } | undefined;

  const cut = (text: string): string[] => {
    const clean = harmless(text);
    if (clean.length <= limits.line) return [clean];
    return clean.match(new RegExp(`.{1,${limits.line}}`, 'gsu')) ?? [];
  };

  const plainLines = (text: string): LogLine[] =>
    text === ''
      ? []
      : cut(text).map((line) => ({
          from: kernelLine.test(line) ? 'kernel' : 'plain',
          text: line,
          urgent: urgentText.test(line),
        }));

  const recordLines = (record: WholeRecord, text: string): LogLine[] =>
    text
      .split(/\r?\n/)
      .filter((line, index) => line !== '' || index === 0)
      .flatMap(cut)
      .map((line) => ({
        from: 'kernel',
        text: `${timeOf(record)} ${line}`,
        urgent: record.level <= urgentLevel || urgentText.test(line),
      }));

  const close = (): LogLine[] => {
    const lines = open === undefined ? [] : recordLines(open.record, open.text);
    open = undefined;
    return lines;
  };

  const takeRecord = (record: WholeRecord): LogLine[] => {
    const text = textOf(bodyBytes(record.body));
    if (!record.continues) return [...close(), ...recordLines(record, text)];
    if (open === undefined || open.text.length + text.length > limits.line) {
      const before = close();
      open = { record, text };
      return before;
    }
    open.text += text;
    return [];
  };

  const takeOrdered = (ordered: Ordered): LogLine[] => {
    if (ordered.kind === 'record') return takeRecord(ordered.record);
    if (ordered.kind === 'restarted') return close();
    const { count } = ordered;
    return [...close(), note(`(${count} ${count === 1 ? 'line' : 'lines'} not received)`)];
  };

  const takeText = (text: string): LogLine[] => {
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    const done = lines.map((line) => line.replace(/[\r\0]+$/, ''));
    if (partial.length <= limits.line) return done.flatMap(plainLines);
    const long = partial;
    partial = '';
    return [...done, long].flatMap(plainLines);
  };

  return {
    take: (datagram) => {
      const decoded = decodeLog(datagram);
      if (decoded.kind === 'text') return takeText(textOf(decoded.bytes));
      const whole = fragments.take(decoded);
      return whole === undefined ? [] : order.take(whole).flatMap(takeOrdered);
    },
    flush: () => {
      const late = fragments.giveUp().flatMap((record) => order.take(record));
      const lines = [...late, ...order.giveUp()].flatMap(takeOrdered);
      const rest = partial.replace(/[\r\0]+$/, '');
      partial = '';
      return [...lines, ...close(), ...plainLines(rest)];
    },
    isWaiting: () => !fragments.isEmpty() || !order.isEmpty() || open !== undefined || partial !== '',
  };
}

const note = (text: string): LogLine => ({ from: 'kernel', text, urgent: false });
