import { expect, it } from 'vitest';
import { soakPage } from './soak-page.mjs';

const unit = { name: 'unit', passed: 2000, failed: 0, seconds: 101.4 };
const whole = soakPage('', {
  rows: [unit, { name: 'e2e', passed: 50, failed: 1, seconds: 700 }],
  counts: [
    'fuzz dhcp: 40000 cases (DROVER_TEST_SEED=7)',
    'loop kill-9: 500 moments, 0 failures',
    'fuzz fat: 20 cases, seed 7',
  ],
  run: '2026-11-27 abc1234 seed 7',
  files: ['a.test.ts', 'b.test.ts'],
  failures: [
    { file: 'a.test.ts', why: 'one: a | b' },
    { file: 'b.test.ts', why: 'two: no' },
  ],
});

it('keeps what was not run again, and says of each line when it was', () => {
  const later = soakPage(whole, {
    rows: [{ ...unit, passed: 2100 }],
    counts: ['loop kill-9: 600 moments, 0 failures {"a|b":1}', 'loop power cuts: 500 moments, 0 failures'],
    run: '2026-11-28 def5678 seed 9',
    files: ['b.test.ts', 'c.test.ts'],
    failures: [{ file: 'c.test.ts', why: 'three: no' }],
  });
  expect(later.split('\n').filter((line) => line.startsWith('| '))).toEqual([
    '| tests | passed | failed | seconds | run |',
    '| --- | --- | --- | --- | --- |',
    '| unit | 2100 | 0 | 101 | 2026-11-28 def5678 seed 9 |',
    '| e2e | 50 | 1 | 700 | 2026-11-27 abc1234 seed 7 |',
    '| loop | result | run |',
    '| --- | --- | --- |',
    '| fuzz dhcp | 40000 cases | 2026-11-27 abc1234 seed 7 |',
    '| loop kill-9 | 600 moments, 0 failures {"a\\|b":1} | 2026-11-28 def5678 seed 9 |',
    '| fuzz fat | 20 cases | 2026-11-27 abc1234 seed 7 |',
    '| loop power cuts | 500 moments, 0 failures | 2026-11-28 def5678 seed 9 |',
    '| failed | why | run |',
    '| --- | --- | --- |',
    '| a.test.ts | one: a \\| b | 2026-11-27 abc1234 seed 7 |',
    '| c.test.ts | three: no | 2026-11-28 def5678 seed 9 |',
  ]);
});

it('is the same when nothing was run', () => {
  expect(soakPage(whole, { rows: [], counts: [], run: 'x', files: [], failures: [] })).toBe(whole);
});

it('says so when nothing that failed waits for another run', () => {
  const files = ['a.test.ts', 'b.test.ts'];
  expect(soakPage(whole, { rows: [], counts: [], run: 'x', files, failures: [] })).toContain(
    'Nothing that failed waits',
  );
});
