import { Name } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { ephemeralDiskName, snapshotCid, snapshotOf } from './names.js';

describe('other names', () => {
  it('an ephemeral disk is called after its board', () => {
    const name = ephemeralDiskName('dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N');
    expect(name).toBe('bosh-ephemeral-01jz5m8k7q2w3e4r5t6y7v8b9n');
    expect(Name.safeParse(name).success).toBe(true);
  });
  it('a snapshot is found again by its cid', () => {
    const cid = snapshotCid('dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', 'snp_01JZ5M8K7Q2W3E4R5T6Y7V8B9N');
    expect(snapshotOf(cid)).toEqual({
      disk: 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
      snapshot: 'snp_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
    });
    expect(snapshotOf('snp_01JZ5M8K7Q2W3E4R5T6Y7V8B9N')).toBeUndefined();
  });
});
