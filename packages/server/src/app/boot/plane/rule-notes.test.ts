import { describe, expect, it } from 'vitest';
import { deviceOf, planOf } from '../../../../test/boot/fixtures.js';
import type { BootPhase } from '../../../domain/session-open.js';
import type { Board, CurrentBoot } from './board-book.js';
import type { NewEntry } from './ports.js';
import { createRuleNotes } from './rule-notes.js';

const end = { outcome: 'complete', bytes: 9, ms: 2, detail: 'by rule 1' } as const;

function given(phase: BootPhase) {
  const boot: CurrentBoot = {
    track: { id: 'bs_1', openedAt: 0, generation: 1, firmware: 'ee', phase, lastAt: 0, xid: null },
    device: deviceOf(),
    ...{ plan: planOf(), serverUrl: null, entries: 0, grant: null, exchanged: false, files: null, revoked: false },
  };
  const board: Pick<Board, 'boot'> = { boot };
  const notes: NewEntry[] = [];
  const reached: BootPhase[] = [];
  const note = createRuleNotes({
    book: {
      find: ({ bootPrefix }) => (bootPrefix === '91cdf03d' ? (board as Board) : undefined),
      byAddress: (address) => (address === '10.0.0.9' ? (board as Board) : undefined),
    },
    boots: {
      note: (_boot, entry) => void notes.push(entry),
      touched: () => undefined,
      reached: (_boot, to) => void reached.push(to),
    },
    clock: { now: () => 0 },
  });
  return { note, notes, reached };
}

describe('what rules answered', () => {
  it('is on the timeline of the board with the folder, or else with the address', () => {
    const it_ = given('firmware');
    it_.note({ path: '91CDF03D/x.txt', clientAddress: '10.0.0.1' }, end);
    it_.note({ path: 'x.txt', clientAddress: '10.0.0.9' }, { ...end, outcome: 'absent' });
    it_.note({ path: 'aaaaaaaa/x.txt', clientAddress: '10.0.0.1' }, end);
    expect(it_.notes).toMatchObject([
      { type: 'tftp.file', path: '91CDF03D/x.txt', outcome: 'complete', bytes: 9, detail: 'by rule 1' },
      { type: 'tftp.file', path: 'x.txt', outcome: 'absent' },
    ]);
    expect(it_.reached).toEqual([]);
  });

  it('counts as the kernel where it is one', () => {
    const it_ = given('firmware');
    it_.note({ path: '91cdf03d/kernel8.img', clientAddress: '10.0.0.9' }, end);
    expect(it_.reached).toEqual(['kernel']);
  });

  it.each<BootPhase>(['running', 'ended'])('is no part of a boot that is %s', (phase) => {
    const it_ = given(phase);
    it_.note({ path: '91cdf03d/x.txt', clientAddress: '10.0.0.9' }, end);
    expect(it_.notes).toEqual([]);
  });
});
