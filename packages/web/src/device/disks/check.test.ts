import { expect, it } from 'vitest';
import { damageIn, isCheck } from './check.js';

const sound = { file: 'dsk_1.qcow2', problem: null, report: { corruptions: 0, leaks: 3 } };

it('tells a check that has ended from other work', () => {
  expect(isCheck({ kind: 'disk.check', state: 'succeeded' })).toBe(true);
  expect(isCheck({ kind: 'disk.check', state: 'failed' })).toBe(false);
  expect(isCheck({ kind: 'disk.backup', state: 'succeeded' })).toBe(false);
});

it('names what is broken, file by file', () => {
  expect(damageIn({ files: [sound] })).toEqual([]);
  const wrong = { file: 'b', problem: null, report: { corruptions: 2, leaks: 0 } };
  const unreadable = { file: 'c', problem: 'it is no qcow2 file', report: null };
  expect(damageIn({ files: [sound, wrong, unreadable] })).toEqual([
    { file: 'b', problem: '2 errors' },
    { file: 'c', problem: 'it is no qcow2 file' },
  ]);
});

it('says nothing of a result that it cannot read', () => {
  expect(damageIn(null)).toBeUndefined();
  expect(damageIn({ files: 'all' })).toBeUndefined();
});
