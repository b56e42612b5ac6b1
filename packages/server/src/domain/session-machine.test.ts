import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sessionStages, type TimelineEntry } from '@drover/contract';
import { entry } from '../../test/boot/timeline.js';
import { advance, type SessionProgress } from './session-machine.js';

const fresh: SessionProgress = { stage: 'dhcp', outcome: 'running', upAt: null, endedAt: null, bytes: 0 };
const after = (...timeline: TimelineEntry[]): SessionProgress => timeline.reduce(advance, fresh);

describe('a session and its timeline', () => {
  it.each([
    ['a DISCOVER', [entry.discover()], { stage: 'dhcp' }],
    ['a file', [entry.file('p/config.txt')], { stage: 'firmware', bytes: 100 }],
    ['an absent file', [entry.file('p/x', { outcome: 'absent', bytes: 0 })], { stage: 'firmware', bytes: 0 }],
    ['a kernel cut off', [entry.file('p/kernel8.img', { outcome: 'aborted' })], { stage: 'firmware' }],
    ['a kernel', [entry.file('p/kernel8.img')], { stage: 'kernel' }],
    [
      'a file after the kernel',
      [entry.file('p/kernel8.img'), entry.file('p/drover.img')],
      { stage: 'kernel', bytes: 200 },
    ],
    ['the exchange', [entry.exchange('granted')], { stage: 'initramfs' }],
    ['a wrong secret', [entry.exchange('wrong')], { stage: 'dhcp' }],
    ['a step', [entry.report('network', 'ok')], { stage: 'initramfs' }],
    ['a step with the root in hand', [entry.report('switch', 'ok')], { stage: 'root' }],
    [
      'up',
      [entry.report('up', 'ok', { at: '2026-01-01T00:01:00.000Z' })],
      { stage: 'up', outcome: 'up', upAt: '2026-01-01T00:01:00.000Z', endedAt: '2026-01-01T00:01:00.000Z' },
    ],
    ['a step that failed', [entry.report('download', 'failed')], { stage: 'initramfs', outcome: 'failed' }],
    [
      'a board that goes on after all',
      [entry.report('download', 'failed'), entry.report('download', 'start')],
      { outcome: 'running', endedAt: null },
    ],
    ['a lost board that comes up', [entry.ended('lost'), entry.report('up', 'ok')], { outcome: 'up', stage: 'up' }],
    ['a lost board whose log comes late', [entry.ended('lost'), entry.log('kernel', 'x')], { outcome: 'lost' }],
    ['an exchange in the name of a board that is up', [entry.impostor(true)], { outcome: 'revoked', stage: 'dhcp' }],
    [
      'the board in whose name it was, before it said that it is up',
      [entry.exchange('granted'), entry.impostor(false), entry.report('up', 'ok')],
      { outcome: 'up', stage: 'up' },
    ],
    ['a second use of the secret', [entry.exchange('used-twice')], { outcome: 'revoked' }],
    [
      'anything after a revocation',
      [entry.exchange('used-twice'), entry.report('up', 'ok')],
      { outcome: 'revoked', stage: 'dhcp' },
    ],
    ['a file after the next boot began', [entry.ended('superseded'), entry.file('x')], { outcome: 'superseded' }],
    [
      'up after the next boot seemed to begin',
      [entry.ended('superseded'), entry.report('up', 'ok')],
      { outcome: 'up' },
    ],
    ['logs after up', [entry.report('up', 'ok'), entry.report('agent', 'failed')], { outcome: 'up' }],
  ])('%s', (_name, timeline, wanted) => {
    expect(after(...timeline)).toMatchObject(wanted);
  });

  it('never goes back a stage, and counts every byte', () => {
    const any = fc.constantFrom(
      entry.discover(),
      entry.file('kernel8.img'),
      entry.file('x', { outcome: 'aborted', bytes: 7 }),
      entry.report('start', 'ok'),
      entry.report('mount', 'ok'),
      entry.report('mount', 'failed'),
      entry.report('up', 'ok'),
      entry.ended('lost'),
      entry.exchange('used-twice'),
      entry.impostor(true),
      entry.impostor(false),
    );
    fc.assert(
      fc.property(fc.array(any), (timeline) => {
        let progress = fresh;
        for (const each of timeline) {
          const next = advance(progress, each);
          expect(sessionStages.indexOf(next.stage)).toBeGreaterThanOrEqual(sessionStages.indexOf(progress.stage));
          expect(next.upAt === null).toBe(next.outcome !== 'up');
          expect(next.endedAt === null).toBe(next.outcome === 'running');
          progress = next;
        }
        const bytes = timeline.reduce((sum, each) => sum + (each.type === 'tftp.file' ? each.bytes : 0), 0);
        expect(progress.bytes).toBe(bytes);
      }),
    );
  });
});
