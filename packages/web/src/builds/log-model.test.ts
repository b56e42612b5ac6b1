import { describe, expect, it } from 'vitest';
import { createLogReader, findLines } from './log-model.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (...pieces: readonly string[]) => {
  const reader = createLogReader();
  for (const piece of pieces) reader.push(bytes(piece));
  return reader.log();
};

describe('the log of a build', () => {
  it('is put together again wherever it was cut, in the middle of a letter too', () => {
    const whole = bytes('grün\nzwei\ndrei');
    const reader = createLogReader();
    for (const byte of whole) reader.push(Uint8Array.of(byte));
    expect(reader.log()).toMatchObject({ lines: ['grün', 'zwei', 'drei'], bytes: whole.length });
  });

  it('has stages, where they begin and how long they took', () => {
    const { stages } = read('[1/3] Base system (kept)\n[2/3] Packages\nGet:1 http\nPackages: 41 s\n[3/3] Image\n');
    expect(stages).toEqual([
      { number: 1, of: 3, title: 'Base system', kept: true, line: 0, seconds: undefined },
      { number: 2, of: 3, title: 'Packages', kept: false, line: 1, seconds: 41 },
      { number: 3, of: 3, title: 'Image', kept: false, line: 4, seconds: undefined },
    ]);
  });

  it('is shown as a screen shows it in the end', () => {
    expect(read('\u001b[32mgreen\u001b[0m\n10%\r50%\r100%\nwindows\r\n').lines).toEqual(['green', '100%', 'windows']);
  });

  it('is the same object as long as nothing came', () => {
    const reader = createLogReader();
    reader.push(bytes('a\n'));
    expect(reader.log()).toBe(reader.log());
  });

  it('is searched without regard to case', () => {
    expect(findLines(['Error: a', 'b', 'no error'], 'eRRor')).toEqual([0, 2]);
    expect(findLines(['a'], '')).toEqual([]);
  });
});
