import type { Device } from '@drover/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Io } from '../terminal/io.js';
import { deviceText } from './device.js';

const io: Io = {
  ...{ out: () => undefined, err: () => undefined },
  ...{ isTerminal: false, isLive: false, color: false, columns: 80, rows: () => 24 },
};
const told = '2026-01-01T12:00:00.000Z';
const device = (health: Partial<Device['health']>): Device => ({
  ...{ id: 'dev_1', tenant: null, site: 'default', name: 'sign', state: 'in-use', stateReason: null, model: 'pi4' },
  ...{
    modelName: null,
    firmware: 'ee',
    mac: null,
    serial: null,
    bootPrefix: null,
    memoryMiB: null,
    power: null,
    console: null,
    identities: [],
    labels: {},
  },
  ...{ assignment: null, lastAddress: null, lastSeenAt: null, lastSession: null, upGeneration: null },
  ...{ createdAt: told, updatedAt: told, etag: '"1"' },
  health: {
    ...{ status: 'unknown', checks: [], reportedAt: null, uptimeSeconds: null, image: null, root: null, offline: null },
    fellBack: false,
    ...health,
  },
});
const lines = (health: Partial<Device['health']>): string[] =>
  deviceText(io, device(health))
    .split('\n')
    .filter((line) => /^(health|runs|root|started)\t/.test(line));

describe('the health of a device', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.parse(told) + 120_000 }));
  afterEach(() => void vi.useRealTimers());

  it('is shown with what fails, when it was told, and since when the board runs', () => {
    const root = 'a'.repeat(64);
    const heard = { reportedAt: told, uptimeSeconds: 7200, image: 'base:2', root };
    expect(lines({ ...heard, status: 'failing', checks: ['disk', 'player'], offline: true })).toEqual([
      'health\tfailing, failed: disk, player, told 2 min ago',
      'runs\tbase:2, started without the server',
      `root\t${root}`,
      'started\t2 h ago',
    ]);
    expect(lines({ ...heard, status: 'silent', offline: false }).slice(0, 2)).toEqual([
      'health\tsilent, told 2 min ago',
      'runs\tbase:2',
    ]);
  });

  it('says what a board went back to', () => {
    const text = deviceText(io, {
      ...device({ status: 'healthy', reportedAt: told, image: 'base:1', fellBack: true }),
      assignment: {
        ...{ image: 'img_1', imageName: 'base:2', rootMode: 'sd', disk: null, kernelParameters: '' },
        ...{ generation: 2, assignedAt: told, leaseUntil: null },
      },
      upGeneration: 2,
    });
    expect(text).toContain('condition\tfell back to base:1\n');
  });

  it('is left out where nothing was told', () => {
    expect(lines({})).toEqual([]);
  });
});
