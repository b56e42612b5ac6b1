import { describe, expect, it } from 'vitest';
import { describeEntry } from './timeline.js';

const session = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9Q';
const impostor = { type: 'exchange', at: '2026-01-01T00:00:00.000Z', outcome: 'impostor' } as const;

describe('an exchange in the name of a board that is up', () => {
  it('is told in red on the timeline of the session that was refused, with where the board is up', () => {
    const other = { session, address: '10.0.0.9', isUp: true };
    const line = describeEntry({ ...impostor, address: '10.0.0.66', other });
    expect(line).toMatchObject({ style: 'red' });
    expect(line.text).toBe('refused to 10.0.0.66, as the board itself is up at 10.0.0.9');
    const unknown = describeEntry({ ...impostor, address: '10.0.0.66', other: { ...other, address: '' } });
    expect(unknown.text).toContain('up at another address');
  });

  it('is told on that of the board, with who asked', () => {
    const other = { session, address: '10.0.0.66', isUp: false };
    const line = describeEntry({ ...impostor, address: '10.0.0.9', other });
    expect(line.text).toBe(`somebody at 10.0.0.66 asked in its name, in ${session}, and was refused`);
  });
});
