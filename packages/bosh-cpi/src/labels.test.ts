import { LabelKey, Labels } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { vmLabels, withoutVmLabels, withVmLabels } from './labels.js';

describe('labels of a VM', () => {
  it('stand beside those of the board, in place of a former VM', () => {
    const labels = { rack: 'a', 'bosh/job': 'old', 'bosh/gone': '1' };
    const next = withVmLabels(labels, { job: 'zoo keeper', 'Index Number': 3, list: [1], '': 'x', '...': 'y' });
    expect(next).toEqual({ rack: 'a', 'bosh/job': 'zoo-keeper', 'bosh/index-number': '3' });
    expect(vmLabels(next)).toEqual({ job: 'zoo-keeper', 'index-number': '3' });
    expect(withoutVmLabels(next)).toEqual({ rack: 'a' });
  });
  it('are never more or other than the server takes', () => {
    const own = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'v']));
    const metadata = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`${'m'.repeat(80 - index)}_`, 'ü'.repeat(100)]),
    );
    const next = withVmLabels(own, metadata);
    expect(Labels.safeParse(next).error).toBeUndefined();
    expect(Object.keys(next).every((key) => LabelKey.safeParse(key).success)).toBe(true);
  });
});
