import { describe, expect, it } from 'vitest';
import { decodeTftp, type TftpRequest } from './codec.js';
import { defaultTftpLimits, planTransfer } from './plan.js';

const request = (options: Record<string, string> = {}, mode = 'octet', op: 'rrq' | 'wrq' = 'rrq'): TftpRequest => ({
  op,
  filename: 'f',
  mode,
  options: Object.entries(options).map(([name, value]) => ({ name, value })),
});

function planOf(options: Record<string, string>, size = 3000, limits = defaultTftpLimits) {
  const planned = planTransfer(request(options), size, limits);
  if (!planned.ok) throw new Error(planned.message);
  const oack = planned.plan.oack && decodeTftp(planned.plan.oack);
  const granted = oack?.ok && oack.packet.op === 'oack' ? oack.packet.options : [];
  return { plan: planned.plan, granted: Object.fromEntries(granted.map(({ name, value }) => [name, value])) };
}

describe('what a client asks and gets', () => {
  it('begins with block 1 of 512 bytes when nothing is asked', () => {
    const { plan } = planOf({});
    expect(plan).toMatchObject({ oack: undefined, blksize: 512, windowsize: 1, blockCount: 6, tsize: false });
  });

  it.each([
    ['8', '8'],
    ['1024', '1024'],
    ['1468', '1468'],
    ['65464', '1468'],
    ['7', undefined],
    ['65465', undefined],
    ['0', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['', undefined],
    ['99999999999999999999', undefined],
  ])('blksize %s is answered with %s (RFC 2348)', (asked, answer) => {
    expect(planOf({ blksize: asked }).granted.blksize).toBe(answer);
  });

  it.each([
    ['1', '1'],
    ['16', '16'],
    ['65535', '64'],
    ['0', undefined],
    ['65536', undefined],
  ])('windowsize %s is answered with %s (RFC 7440)', (asked, answer) => {
    expect(planOf({ windowsize: asked }).granted.windowsize).toBe(answer);
  });

  it.each([
    ['5', '5', 5000],
    ['30', '30', 30_000],
    ['31', undefined, 1000],
    ['0', undefined, 1000],
    ['256', undefined, 1000],
  ])('timeout %s is repeated as %s or left out, never changed (RFC 2349)', (asked, answer, waitMs) => {
    const { plan, granted } = planOf({ timeout: asked });
    expect(granted.timeout).toBe(answer);
    expect(plan.firstWaitMs).toBe(waitMs);
  });

  it('tells the size (RFC 2349) and leaves unknown options out (RFC 2347)', () => {
    expect(planOf({ tsize: '0', multicast: '' }, 5_000_000_000).granted).toEqual({ tsize: '5000000000' });
  });

  it.each([
    [0, 512, 1],
    [511, 512, 1],
    [512, 512, 2],
    [513, 512, 2],
    [65535 * 512, 512, 65536],
  ])('%i bytes in blocks of %i are %i blocks', (size, blksize, blocks) => {
    expect(planOf({ blksize: String(blksize) }, size).plan.blockCount).toBe(blocks);
  });

  it('honours a cap of the settings', () => {
    expect(planOf({ blksize: '1468' }, 1, { ...defaultTftpLimits, blksize: 1024 }).granted.blksize).toBe('1024');
  });
});

describe('requests that are refused', () => {
  it.each([
    [request({}, 'netascii'), 0, /mode octet/],
    [request({}, 'mail'), 0, /mode octet/],
    [request({}, 'jpeg'), 4, /mode/],
    [request({}, 'octet', 'wrq'), 2, /read-only/],
  ])('%o', (asked, code, message) => {
    const planned = planTransfer(asked, 1, defaultTftpLimits);
    expect(planned).toMatchObject({ ok: false, code });
    expect(planned.ok ? '' : planned.message).toMatch(message);
  });
});
