import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BoardEvent, BoardStep } from '@drover/simulator';
import { createStallWatch, nextStep, Stalled } from './stall-watch.js';

const step = (event: BoardEvent): BoardStep => ({ at: 0, serial: '10000000abcdef01', ...event });
const os = (message: string): BoardStep => step({ type: 'os', name: 'os', message });
const discover = step({ type: 'dhcp-discover', client: 'ee', attempt: 1, xid: 1 });
const loaded = step({ type: 'loaded', kernel: 'kernel8.img', initramfs: [], dtb: '', cmdline: '' });

describe('a board that does not get on', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('stands at the step after the last that it did', () => {
    expect(nextStep(discover, 'dhcp')).toBe('dhcp');
    expect(nextStep(step({ type: 'network', address: '10.0.0.9', server: '10.0.0.1' }), 'dhcp')).toBe('files');
    expect(nextStep(loaded, 'files')).toBe('start');
    expect(nextStep(os('network: 10.0.0.9 on eth0'), 'network')).toBe('clock');
    expect(nextStep(os('start done'), 'start')).toBe('modules');
    expect(nextStep(os('identity sha256 00'), 'identity')).toBe('identity');
  });

  it('is given up where it stands', () => {
    const watch = createStallWatch(300_000);
    for (const each of [discover, loaded, os('modules: 0 modules')]) watch.saw(each);
    vi.advanceTimersByTime(19_999);
    expect(watch.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(watch.signal.reason).toBeInstanceOf(Stalled);
    expect(watch.signal.reason).toMatchObject({ step: 'network', message: 'nothing came of it for 20 s' });
  });

  it('has time for a large root, though not for ever', () => {
    const watch = createStallWatch(300_000);
    watch.saw(os('exchange: mode ram'));
    vi.advanceTimersByTime(299_999);
    expect(watch.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(watch.signal.reason).toMatchObject({ step: 'download' });
  });

  it('is forgotten when it is up', () => {
    const watch = createStallWatch(300_000);
    watch.end();
    vi.advanceTimersByTime(400_000);
    expect(watch.signal.aborted).toBe(false);
  });
});
