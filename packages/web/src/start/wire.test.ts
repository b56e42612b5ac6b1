import type { Device, TimelineMessage } from '@drover/contract';
import { expect, it } from 'vitest';
import { newcomers, withWireLine, type WireLine } from './wire.js';

const message = (seq: number, entry: object): TimelineMessage =>
  ({ session: 'bs_1', device: 'dev_1', seq, entry: { at: '2026-11-30T12:00:00.000Z', ...entry } }) as TimelineMessage;
const discover = { type: 'dhcp.discover', mac: 'dc:a6:32:01:02:03', interface: 'eth0', firmware: 'ee' };
const heard = (...messages: TimelineMessage[]): readonly WireLine[] =>
  messages.reduce<readonly WireLine[]>(withWireLine, []);

it('tells what is heard, the newest first, and the same thing once', () => {
  const offer = { type: 'dhcp.offer', mac: discover.mac, server: '10.0.0.1', delayMs: 1 };
  const absent = { type: 'tftp.file', path: 'x', outcome: 'absent' };
  const lines = heard(
    message(1, discover),
    message(2, discover),
    message(2, discover),
    message(3, absent),
    message(4, offer),
  );
  expect(lines.map(({ text }) => text)).toEqual([
    'was told to boot from here',
    'asks who can boot it (dc:a6:32:01:02:03, on eth0)',
  ]);
});

it('keeps the latest sixty', () => {
  const file = (path: string) => ({ type: 'tftp.file', path, outcome: 'complete' });
  const lines = heard(...Array.from({ length: 80 }, (_, seq) => message(seq, file(`f${seq}`))));
  expect([lines.length, lines[0]?.text]).toEqual([60, 'got f79']);
});

it('knows who has just come', () => {
  const boards = [
    { name: 'old', state: 'discovered', lastSeenAt: '2026-11-30T12:00:00.000Z' },
    { name: 'own', state: 'available', lastSeenAt: '2026-11-30T12:00:02.000Z' },
    { name: 'new', state: 'discovered', lastSeenAt: '2026-11-30T12:00:01.000Z' },
    { name: 'never', state: 'discovered', lastSeenAt: null },
  ] as Device[];
  expect(newcomers(boards).map(({ name }) => name)).toEqual(['new', 'old', 'never']);
});
