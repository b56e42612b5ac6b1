import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Result } from '@drover/contract';
import type { ConfiguredDriver, PowerTarget, Switched } from '../../../src/app/power/ports.js';
import { guardedLookup, isInnermost } from '../../../src/adapters/import/addresses.js';
import { createPowerDrivers } from '../../../src/adapters/power/index.js';
import { powerDrivers } from '../../../src/config/power-drivers.js';

/** What a kind of driver is tried on. */
export interface PowerRig {
  /** The driver, as it stands in the settings. */
  readonly settings: Record<string, unknown>;
  /** Values of boards, of which each has a supply of its own that is off. */
  readonly boards: readonly Readonly<Record<string, string>>[];
  /** What the counterpart itself says of the supply of a board. */
  readonly state: (values: Readonly<Record<string, string>>) => Promise<Switched>;
  /** How often the counterpart was asked for anything. */
  readonly asked: () => Promise<number>;
  readonly canQuery: boolean;
  /** Somebody who reads what the driver logs. */
  readonly reader?: (said: Said) => void;
  /** Settings with a counterpart that never answers, and with one that refuses in these words. */
  readonly silent?: Record<string, unknown>;
  readonly refusing?: { readonly settings: Record<string, unknown>; readonly words: RegExp };
  readonly stop: () => Promise<void>;
}

export interface Said {
  readonly fields: object;
  readonly message: string;
}

/** A driver of settings as people write them, checked as the server does. */
export const configured = (
  settings: Record<string, unknown>,
  reader: (said: Said) => void = () => undefined,
): ConfiguredDriver => {
  const log = { info: (fields: object, message: string) => reader({ fields, message }) };
  const guard = { isInnermost, lookup: guardedLookup };
  const found = createPowerDrivers(powerDrivers.parse({ 'under-test': settings }), { log, guard }).get('under-test');
  if (found === undefined) throw new Error('there is no such driver');
  return found;
};

export const board = (values: Readonly<Record<string, string>> = {}): PowerTarget => ({
  id: 'dev_01JZ0000000000000000000007',
  name: 'pi-7',
  mac: 'dc:a6:32:01:36:c2',
  serial: '10000000abcdef07',
  bootPrefix: '91cdf03d',
  values,
});

export const patient = (): AbortSignal => AbortSignal.timeout(20_000);

export const refusalOf = (result: Result<unknown>) => {
  if (result.ok) throw new Error('it was not refused');
  return result;
};

/** How long something took, in ms. */
export const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
  const begun = performance.now();
  return [await work, performance.now() - begun];
};

/** What every kind of power driver does, whatever it speaks to. */
export const describePowerDriver = (
  title: string,
  start: () => Promise<PowerRig>,
  has: { failures: boolean },
): void => {
  describe(`power driver: ${title}`, () => {
    let rig: PowerRig;
    beforeAll(async () => {
      rig = await start();
    });
    afterAll(() => rig.stop());
    const values = (index = 0) => rig.boards[index] ?? {};
    const driver = () => configured(rig.settings, rig.reader).driver;

    it('switches a supply on and off, as often as it is told', async () => {
      for (const to of ['on', 'on', 'off', 'off', 'on', 'off'] as const) {
        expect(await driver().switch(board(values()), to, patient())).toEqual({ ok: true, value: null });
        expect(await rig.state(values())).toBe(to);
      }
    });

    it('switches many at once, and each its own', async () => {
      const one = driver();
      const to = (index: number) => (index % 3 === 0 ? 'off' : 'on');
      const done = await Promise.all(rig.boards.map((each, index) => one.switch(board(each), to(index), patient())));
      expect(done.every(({ ok }) => ok)).toBe(true);
      for (const [index, each] of rig.boards.entries()) expect(await rig.state(each)).toBe(to(index));
    });

    it('tells what the supply says, or that it cannot', async () => {
      const one = driver();
      expect(one.canQuery).toBe(rig.canQuery);
      for (const to of ['on', 'off'] as const) {
        await one.switch(board(values()), to, patient());
        const told = await one.query(board(values()), patient());
        if (rig.canQuery) expect(told).toEqual({ ok: true, value: to });
        else expect(refusalOf(told).code).toBe('power.unsupported');
      }
    });

    it('names the value that a board does not have, and asks nobody', async () => {
      const one = driver();
      const before = await rig.asked();
      for (const need of one.needs) {
        const others = Object.fromEntries(Object.entries(values()).filter(([name]) => name !== need));
        const refused = refusalOf(await one.switch(board(others), 'on', patient()));
        expect(refused.code).toBe('power.unsupported');
        expect(refused.errors?.map(({ field }) => field)).toEqual([`power.values.${need}`]);
        expect(refused.remedy).toContain(need);
      }
      expect(await rig.asked()).toBe(before);
    });

    it('does nothing when its time is over before it begins', async () => {
      const before = await rig.asked();
      const refused = refusalOf(await driver().switch(board(values()), 'on', AbortSignal.abort()));
      expect([refused.code, refused.detail]).toEqual([
        'power.failed',
        'under-test could not switch pi-7 on: it was called off.',
      ]);
      expect(await rig.asked()).toBe(before);
    });

    it('has the limits of its settings', () => {
      const { limits } = configured({ ...rig.settings, concurrency: 2, staggerMs: 40, timeoutSeconds: 3, retries: 1 });
      expect(limits).toEqual({ concurrency: 2, staggerMs: 40, timeoutMs: 3000, retries: 1 });
      expect(configured(rig.settings).limits).toEqual({
        concurrency: 4,
        staggerMs: 500,
        timeoutMs: 30_000,
        retries: 2,
      });
    });

    if (has.failures) describeFailures(() => rig);
  });
};

const describeFailures = (rig: () => PowerRig): void => {
  const first = () => board(rig().boards[0]);

  it('ends with its time, when nobody answers', async () => {
    const { driver } = configured(rig().silent ?? {});
    const [result, ms] = await timed(driver.switch(first(), 'on', AbortSignal.timeout(400)));
    const refused = refusalOf(result);
    expect(refused.code).toBe('power.failed');
    expect(refused.detail).toMatch(/^under-test could not switch pi-7 on: .*(in time|time was over)/);
    expect(refused.remedy).toContain('timeoutSeconds');
    expect(ms).toBeGreaterThan(350);
    expect(ms).toBeLessThan(5000);
  });

  it('ends when it is called off', async () => {
    const { driver } = configured(rig().silent ?? {});
    const called = new AbortController();
    const working = driver.switch(first(), 'off', called.signal);
    await sleep(300);
    called.abort();
    const [result, ms] = await timed(working);
    expect(refusalOf(result).code).toBe('power.failed');
    expect(ms).toBeLessThan(3000);
  });

  it('tells why it was refused', async () => {
    const { settings, words } = rig().refusing ?? { settings: {}, words: /^$/ };
    const refused = refusalOf(await configured(settings).driver.switch(first(), 'on', patient()));
    expect(refused.code).toBe('power.failed');
    expect(refused.detail).toMatch(words);
    expect(refused.detail).toMatch(/^under-test could not switch pi-7 on: [^\n]+\.$/);
  });
};
