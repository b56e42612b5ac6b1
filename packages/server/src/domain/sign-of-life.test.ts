import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '@drover/contract';
import { heardAt, isSignOfLife } from './sign-of-life.js';

const at = '2026-01-01T00:00:00.000Z';
const session = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const transfer = { at, path: 'root', bytes: 1, ms: 1 };
const detached = { type: 'disk.detached', at, disk: 'd', address: 'a', readBytes: 0, writtenBytes: 0, ms: 1 } as const;
const exchange = { type: 'exchange', at, address: 'a' } as const;

describe('signs of life', () => {
  it.each<TimelineEntry>([
    { type: 'dhcp.request', at, mac: 'dc:a6:32:01:02:03', interface: 'eth0' },
    { type: 'http.file', ...transfer, outcome: 'absent' },
    { type: 'root.download', ...transfer, outcome: 'complete' },
    { type: 'disk.attached', at, disk: 'd', address: 'a', readOnly: false },
    { ...detached, by: 'disconnect' },
    { ...exchange, outcome: 'granted' },
    { type: 'report', at, step: 'up', state: 'ok', message: '' },
  ])('are what a board did: $type', (entry) => expect(isSignOfLife(entry)).toBe(true));

  it.each<TimelineEntry>([
    { ...detached, by: 'lost' },
    { ...detached, by: 'ended', detail: 'the boot session was revoked' },
    { type: 'root.download', ...transfer, outcome: 'aborted' },
    { type: 'http.file', ...transfer, outcome: 'timed-out' },
    { ...exchange, outcome: 'wrong' },
    { ...exchange, outcome: 'impostor', other: { session, address: 'b', isUp: true } },
    { type: 'session.ended', at, outcome: 'lost', verdict: null },
  ])('are not what the server did, found lost, or had from others: $type', (entry) =>
    expect(isSignOfLife(entry)).toBe(false),
  );

  it('count from when they were given, and never from later than now', () => {
    expect(heardAt(at, Date.parse(at) + 60_000)).toBe(at);
    expect(heardAt('2026-01-01T00:01:00.000Z', Date.parse(at))).toBe(at);
  });
});
