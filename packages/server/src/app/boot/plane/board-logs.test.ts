import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BootPhase } from '../../../domain/session-open.js';
import type { Board, CurrentBoot } from './board-book.js';
import { createBoardLogs, type HeardLine } from './board-logs.js';
import type { NewEntry } from './ports.js';

const services: { stop(): Promise<void> }[] = [];
beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  vi.useRealTimers();
});

const plain = (text: string): HeardLine => ({ from: 'plain', text, urgent: false });
const kernel = (text: string, urgent = false): HeardLine => ({ from: 'kernel', text, urgent });

function lab(limits: Parameters<typeof createBoardLogs>[0]['limits'] = {}) {
  const boards = new Map<string, Board>();
  const neighbours = new Map<string, string>();
  const noted: { session: string; source: string; text: string }[] = [];
  const logs = createBoardLogs({
    book: {
      byAddress: (address) => boards.get(address),
      find: ({ mac }) => boards.get(mac ?? ''),
    },
    boots: {
      note: (boot: CurrentBoot, entry: NewEntry) => {
        if (entry.type === 'log') noted.push({ session: boot.track.id, source: entry.source, text: entry.text });
      },
    },
    neighbours: { macOf: async (address) => neighbours.get(address) },
    clock: { now: () => Date.now() },
    limits,
  });
  services.push(logs);
  /** A boot of the board at this address. Only what is looked at is there. */
  const boot = (address: string, id: string, phase: BootPhase): void => {
    boards.set(address, { boot: { track: { id, phase } } } as unknown as Board);
  };
  return { logs, noted, boot, boards, neighbours, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

describe('logs of boards', () => {
  it('go to the boot of the board with the address, gathered', async () => {
    const { logs, noted, boot, pass } = lab();
    boot('10.0.0.9', 'bs_1', 'firmware');
    logs.take('10.0.0.9', [plain('RPi: BOOTLOADER release'), plain('NET 10.0.0.9')]);
    logs.take('10.0.0.9', [plain('DHCP src: 10.0.0.1')]);
    await pass(300);
    logs.take('10.0.0.9', [kernel('[    0.000000] Booting Linux'), plain('a line without a time')]);
    await pass(300);
    expect(noted).toEqual([
      { session: 'bs_1', source: 'bootloader', text: 'RPi: BOOTLOADER release\nNET 10.0.0.9\nDHCP src: 10.0.0.1' },
      { session: 'bs_1', source: 'netconsole', text: '[    0.000000] Booting Linux\na line without a time' },
    ]);
    expect(logs.stats()).toEqual({ kept: 5, unknown: 0, dropped: 0 });
  });

  it('find the board by its hardware address', async () => {
    const { logs, noted, boot, neighbours, pass } = lab();
    boot('dc:a6:32:01:02:03', 'bs_1', 'running');
    neighbours.set('10.0.0.9', 'dc:a6:32:01:02:03');
    logs.take('10.0.0.9', [kernel('x')]);
    await pass(300);
    expect(noted).toHaveLength(1);
  });

  it('of a bootloader wait for the boot they are of', async () => {
    const { logs, noted, boot, pass } = lab();
    boot('10.0.0.9', 'bs_old', 'ended');
    logs.take('10.0.0.9', [
      kernel('reboot: Restarting system'),
      plain('  1.35 RPi: BOOTLOADER release VERSION:8ba1'),
      plain('PM_RSTS: 0x1000'),
    ]);
    await pass(1000);
    expect(noted).toEqual([{ session: 'bs_old', source: 'netconsole', text: 'reboot: Restarting system' }]);
    boot('10.0.0.9', 'bs_new', 'dhcp');
    await pass(300);
    expect(noted[1]).toMatchObject({ session: 'bs_new', source: 'bootloader' });
    expect(noted[1]?.text).toMatch(/BOOTLOADER.*\nPM_RSTS/);
  });

  it('of an address nobody has wait a minute, and are counted and not kept', async () => {
    const { logs, noted, boot, pass } = lab();
    logs.take('10.0.0.66', [plain('who am I')]);
    await pass(59_000);
    expect(logs.stats().unknown).toBe(0);
    await pass(2_000);
    boot('10.0.0.66', 'bs_1', 'dhcp');
    await pass(1_000);
    expect([logs.stats(), noted]).toEqual([{ kept: 0, unknown: 1, dropped: 0 }, []]);
  });

  it('end where a boot has enough of them, but for what is urgent', async () => {
    const { logs, noted, boot, pass } = lab({ entries: 3, urgentEntries: 1 });
    boot('10.0.0.9', 'bs_1', 'running');
    for (let i = 0; i < 10; i += 1) {
      logs.take('10.0.0.9', [kernel(`line ${i}`)]);
      await pass(300);
    }
    for (let i = 0; i < 3; i += 1) {
      logs.take('10.0.0.9', [kernel('Kernel panic', true)]);
      await pass(300);
    }
    expect(noted.map(({ text }) => text)).toEqual([
      'line 0',
      'line 1',
      'line 2',
      '(the log of this boot is longer than what is kept of one)',
      'Kernel panic',
    ]);
    expect(logs.stats().dropped).toBe(9);
  });

  it('are bounded while they wait, whoever sends them', async () => {
    const { logs, pass } = lab({ addresses: 4, waitingOfOne: 100 });
    for (let i = 0; i < 100; i += 1) logs.take(`10.0.1.${i}`, [plain('x'.repeat(60)), plain('y'.repeat(60))]);
    expect(logs.stats().dropped).toBe(4 + 96 * 2);
    await pass(61_000);
    expect(logs.stats()).toEqual({ kept: 0, unknown: 4, dropped: 196 });
  });
});
