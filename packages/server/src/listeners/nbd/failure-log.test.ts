import { describe, expect, it } from 'vitest';
import { createFailureLog } from './failure-log.js';

function logged() {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  let now = 0;
  const quiet = (): void => undefined;
  const warn = (fields: Record<string, unknown>, message: string): void => void lines.push({ fields, message });
  const log = createFailureLog({ debug: quiet, info: quiet, warn, error: quiet }, () => now);
  return { lines, log, at: (ms: number) => (now = ms) };
}

describe('the log of failures', () => {
  it('has the first of each subject in a minute, and says how many it left out', () => {
    const { lines, log, at } = logged();
    for (let i = 0; i < 100; i += 1) log.warn('10.0.0.1', { i }, 'cut off');
    log.warn('10.0.0.2', {}, 'cut off');
    expect(lines.map(({ fields }) => fields)).toEqual([{ i: 0 }, {}]);
    at(60_000);
    log.warn('10.0.0.1', { i: 100 }, 'cut off');
    expect(lines.at(-1)).toEqual({ fields: { i: 100, leftOut: 99 }, message: 'cut off' });
    at(120_000);
    log.warn('10.0.0.1', { i: 101 }, 'cut off');
    expect(lines.at(-1)?.fields).toEqual({ i: 101 });
  });

  it('keeps a bounded number of subjects in mind, and forgets the old', () => {
    const { lines, log, at } = logged();
    for (let i = 0; i < 5000; i += 1) log.warn(`address ${i}`, {}, 'cut off');
    expect(lines).toHaveLength(1024);
    at(60_000);
    for (let i = 5000; i < 5010; i += 1) log.warn(`address ${i}`, {}, 'cut off');
    expect(lines).toHaveLength(1034);
  });
});
