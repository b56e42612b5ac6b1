import { describe, expect, it } from 'vitest';
import { summarize, type FleetBoardResult } from './fleet.js';
import { createIdentity } from './identity.js';
import { boardText, stepText, summaryText } from './narration.js';
import type { BoardEvent, FileRequest } from './types.js';

const request = (more: Partial<FileRequest>): FileRequest => ({
  ...{ path: 'abcdef01/config.txt', transport: 'tftp', purpose: 'read', outcome: 'ok', size: 120, ms: 5, resent: 0 },
  ...more,
});

describe('a step', () => {
  it.each<[BoardEvent, string]>([
    [
      { type: 'power-on', model: '5', mac: 'd8:3a:dd:00:00:01', boot: 2 },
      'power-on       5, d8:3a:dd:00:00:01, boot 2',
    ],
    [{ type: 'dhcp-discover', client: 'ee', attempt: 1, xid: 7 }, 'dhcp-discover  ee, attempt 1, 0x00000007'],
    [{ type: 'file', request: request({}) }, 'file           abcdef01/config.txt, 120 bytes in 0.0 s'],
    [
      { type: 'file', request: request({ outcome: 'terminated', purpose: 'probe' }) },
      'file           abcdef01/config.txt is there',
    ],
    [
      { type: 'file', request: request({ outcome: 'refused', message: 'HTTP 403', transport: 'http' }) },
      'file           abcdef01/config.txt over http: refused (HTTP 403)',
    ],
    [
      { type: 'loaded', kernel: 'kernel8.img', initramfs: ['drover.img'], dtb: '', cmdline: '' },
      'loaded         kernel8.img, drover.img',
    ],
    [{ type: 'os-failed', reason: 'exchange', message: 'refused' }, 'os-failed      exchange: refused'],
    [{ type: 'console', line: '' }, 'console'],
  ])('is a line: %j', (event, text) => {
    expect(stepText({ at: 1234, serial: '10000000abcdef01', ...event })).toBe(`    1.2 s  ${text}`);
  });
});

describe('a fleet', () => {
  const result = (serial: string, more: Partial<FleetBoardResult>): FleetBoardResult => ({
    identity: createIdentity({ model: '4b', serial }),
    address: '127.16.0.1',
    ...{ up: true, message: 'up', attempts: 1, firmwareMs: 2000, osMs: 500, totalMs: 2500 },
    ...{ bytes: 3_000_000, requests: 20, resent: 1 },
    ...more,
  });
  const late = result('abcdef02', { up: false, failure: 'dhcp:no-offer', message: 'nobody answered', attempts: 2 });

  it('is a line for each board', () => {
    expect(boardText(result('abcdef01', {}))).toBe('10000000abcdef01 4b   127.16.0.1      2.5 s  up');
    expect(boardText(late)).toContain('2.5 s, attempt 2  dhcp:no-offer: nobody answered');
  });

  it('is summed up, with what failed', () => {
    expect(summaryText(summarize([result('abcdef01', {}), late], 4000)).split('\n')).toEqual([
      '1 of 2 boards up in 4.0 s',
      'firmware 2.0 s at the median, 2.0 s for nine in ten, 2.0 s at most',
      'system 0.5 s at the median, 0.5 s for nine in ten, 0.5 s at most',
      'in all 2.5 s at the median, 2.5 s for nine in ten, 2.5 s at most',
      '40 files asked for, 6.0 MB, 2 packets sent again',
      '1 failed: dhcp:no-offer',
    ]);
  });
});
