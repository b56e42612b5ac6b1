import { describe, expect, it } from 'vitest';
import { exportOf } from '../../test/support/nbd-handshake.js';
import { command, commandFlag } from './constants.js';
import { transmissionFlags, type NbdExportInfo } from './export-info.js';
import { refuseRequest, rulesOf } from './request-rules.js';

interface Asked {
  readonly type: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly length?: number;
}

const size = 1 << 20;
const { read, write, disc, flush, trim, cache, writeZeroes, blockStatus } = command;
const ranged = { read, write, trim, cache, writeZeroes, blockStatus };

function ask(asked: Asked, change: Partial<NbdExportInfo> = {}, structuredReplies = true, contexts = true) {
  const info = exportOf({ size, ...change });
  const rules = rulesOf({
    ...{ name: 'x', info, structuredReplies, blockSizeNegotiated: true },
    flags: transmissionFlags(info, structuredReplies),
    allocationContext: contexts ? 1 : undefined,
  });
  const { type, flags = 0, offset = 0, length = 0 } = asked;
  return refuseRequest({ type, flags, offset, offsetLow: offset | 0, length }, rules)?.error ?? 'ok';
}

describe('bounds', () => {
  const beyond = {
    read: 'EINVAL',
    write: 'ENOSPC',
    trim: 'EINVAL',
    cache: 'EINVAL',
    writeZeroes: 'ENOSPC',
    blockStatus: 'EINVAL',
  };

  it.each(Object.entries(ranged))('of %s', (name, type) => {
    const error = beyond[name as keyof typeof beyond];
    expect(ask({ type, offset: 0, length: size })).toBe('ok');
    expect(ask({ type, offset: size - 1, length: 1 })).toBe('ok');
    expect(ask({ type, offset: size, length: 1 })).toBe(error);
    expect(ask({ type, offset: size - 1, length: 2 })).toBe(error);
    expect(ask({ type, offset: 0, length: size + 1 })).toBe(error);
    expect(ask({ type, offset: 2 ** 64, length: 1 })).toBe(error);
    expect(ask({ type, offset: 2 ** 53 + 2, length: 0xffff_ffff }, { blockSize: noLimit })).toBe(error);
  });

  const noLimit = { minimum: 1, preferred: 4096, maximum: 0xffff_ffff };

  it.each(Object.entries(ranged))('let nothing be done to nothing: %s', (_name, type) => {
    // The status of nothing cannot be told: a reply has at least one extent, and no extent is empty.
    expect(ask({ type, offset: size, length: 0 })).toBe(type === blockStatus ? 'EINVAL' : 'ok');
  });
});

describe('block sizes', () => {
  const blockSize = { minimum: 512, preferred: 4096, maximum: 64 << 10 };

  it.each(Object.entries(ranged))('alignment of %s', (_name, type) => {
    expect(ask({ type, offset: 512, length: 512 }, { blockSize })).toBe('ok');
    expect(ask({ type, offset: 511, length: 512 }, { blockSize })).toBe('EINVAL');
    expect(ask({ type, offset: 512, length: 511 }, { blockSize })).toBe('EINVAL');
  });

  it('limit payloads, and not commands that have none', () => {
    const length = (64 << 10) + 512;
    for (const type of [read, write]) expect(ask({ type, length }, { blockSize })).toBe('EINVAL');
    for (const type of [trim, cache, writeZeroes, blockStatus]) expect(ask({ type, length }, { blockSize })).toBe('ok');
  });
});

describe('flags', () => {
  const { fua, noHole, df, reqOne, fastZero } = commandFlag;
  const own: Record<number, number> = {
    [read]: df,
    [write]: 0,
    [disc]: 0,
    [flush]: 0,
    [trim]: 0,
    [cache]: 0,
    [writeZeroes]: noHole | fastZero,
    [blockStatus]: reqOne,
  };

  it.each(Object.entries(own))('of command %s: those documented for it, and FUA', (type, allowed) => {
    const length = Number(type) === flush || Number(type) === disc ? 0 : 512;
    for (let bit = 0; bit < 16; bit += 1) {
      const expected = ((allowed | fua) & (1 << bit)) === 0 ? 'EINVAL' : 'ok';
      expect(ask({ type: Number(type), flags: 1 << bit, length }), `bit ${bit}`).toBe(expected);
    }
  });

  it('are allowed as far as they were offered', () => {
    const one = { length: 1 };
    expect(ask({ type: write, flags: fua, ...one }, { canFua: false })).toBe('EINVAL');
    expect(ask({ type: read, flags: df, ...one }, {}, false)).toBe('EINVAL');
    expect(ask({ type: writeZeroes, flags: fastZero, ...one }, { canFastZero: false })).toBe('EINVAL');
    expect(ask({ type: writeZeroes, flags: noHole, ...one }, { canFastZero: false })).toBe('ok');
  });
});

describe('commands', () => {
  it('nobody knows are invalid', () => {
    for (const type of [8, 9, 255, 0x7fff, 0xffff]) expect(ask({ type })).toBe('EINVAL');
  });

  it.each([
    ['flush', flush, { canFlush: false }],
    ['trim', trim, { canTrim: false }],
    ['cache', cache, { canCache: false }],
    ['writeZeroes', writeZeroes, { canWriteZeroes: false }],
  ] as const)('that were not offered are invalid: %s', (_name, type, change) => {
    expect(ask({ type })).toBe('ok');
    expect(ask({ type }, change)).toBe('EINVAL');
  });

  it('BLOCK_STATUS needs a selected context', () => {
    expect(ask({ type: blockStatus, length: 1 }, {}, true, false)).toBe('EINVAL');
  });

  it('FLUSH has neither offset nor length', () => {
    expect(ask({ type: flush })).toBe('ok');
    expect(ask({ type: flush, offset: 1 })).toBe('EINVAL');
    expect(ask({ type: flush, length: 1 })).toBe('EINVAL');
  });

  it('that write are not permitted on a read-only export, whatever else is wrong with them', () => {
    for (const type of [write, trim, writeZeroes]) {
      expect(ask({ type, length: 512 }, { readOnly: true })).toBe('EPERM');
      expect(ask({ type, offset: size, length: 512, flags: 0x8000 }, { readOnly: true, canTrim: false })).toBe('EPERM');
    }
    for (const type of [read, cache, blockStatus]) expect(ask({ type, length: 512 }, { readOnly: true })).toBe('ok');
    expect(ask({ type: flush }, { readOnly: true })).toBe('ok');
  });
});
