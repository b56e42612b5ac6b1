import pino, { type Logger } from 'pino';
import type { Settings } from '../config.js';

/** API keys and the secrets of boot sessions, wherever in a line they ended up. Keys that were imported are told by where they stand. */
const secrets = new RegExp(
  [
    'drv_[A-Za-z0-9_-]{20,}',
    '(?<=drover\\.secret=)[0-9a-f]+',
    '(?<=(?:Bearer|Secret) )[A-Za-z0-9._-]{16,}',
    '(?<=[?&]apiKey=)[^&\\s"\\\\]+',
    '(?<=/images/)(?!(?:global|own)[/"\\s])[\\x21\\x23-\\x2e\\x30-\\x5b\\x5d-\\x7e]{8,}(?=/)',
    '(?<=x-api-key"?[:=] ?"?)[^"\\s]+',
  ].join('|'),
  'gi',
);

export const redactLine = (line: string): string => line.replace(secrets, '[redacted]');

const levels: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A line of JSON as a line for people: time, level, plane, message, and the rest as `key=value`. */
export const prettyLine = (line: string): string => {
  const {
    level,
    time,
    plane,
    msg,
    err,
    pid: _pid,
    hostname: _hostname,
    ...rest
  } = JSON.parse(line) as Record<string, unknown>;
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${valueText(value)}`);
  const stack = (err as { stack?: string } | undefined)?.stack;
  const head = `${clock} ${levels[Number(level)] ?? valueText(level)} ${valueText(plane ?? '')}: ${valueText(msg ?? '')}`;
  return `${[head, ...fields].join(' ')}\n${stack === undefined ? '' : `${stack}\n`}`;
};

/** The log of one process, on standard output: JSON for programs, plain lines on a terminal. */
export const createLog = ({ level, format }: Settings['log'], plane: string): Logger => {
  const output = pino.destination({ dest: 1, sync: true });
  // A reader of our output that went away must not take the server along.
  output.on('error', () => undefined);
  const pretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  const destination = {
    write: (line: string): void => {
      output.write(redactLine(pretty ? prettyLine(line) : line));
    },
  };
  return pino({ level, base: { plane }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
};
