import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, randomFrom, soak } from '../../test/support/fuzz.js';
import { transfer, type Manner, type Weather } from '../../test/support/tftp-network.js';
import { defaultTftpLimits, planTransfer, type TftpPlan } from './plan.js';

/** Patience without end: whether a bad network is given up on is not the question here. */
const limits = { ...defaultTftpLimits, tries: 10_000 };

function planFor(size: number, blksize: number, windowsize: number): TftpPlan {
  const options = [
    { name: 'blksize', value: String(blksize) },
    { name: 'windowsize', value: String(windowsize) },
  ];
  const planned = planTransfer({ op: 'rrq', filename: 'f', mode: 'octet', options }, size, limits);
  if (!planned.ok) throw new Error(planned.message);
  return planned.plan;
}

const content = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

const weather: fc.Arbitrary<Weather> = fc.record({
  loss: fc.integer({ min: 0, max: 30 }),
  duplication: fc.integer({ min: 0, max: 30 }),
  reordering: fc.integer({ min: 0, max: 30 }),
});
const manner = fc.constantFrom<Manner>('acks-every-stray', 'acks-first-stray', 'silent-on-strays');
const windowsize = fc.constantFrom(1, 2, 4, 8, 16, 64);

interface Case {
  readonly size: number;
  readonly windowsize: number;
  readonly weather: Weather;
  readonly manner: Manner;
  readonly seed: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  size: fc.oneof(fc.constantFrom(0, 7, 8, 9, 64, 511, 512, 513), fc.integer({ min: 0, max: 1500 })),
  windowsize,
  weather,
  manner,
  seed: fc.nat(),
});

describe('the sender over a bad network', () => {
  it('delivers every file, in bounds, to every kind of client', soak, () => {
    holds('protocols/tftp transfers', 600, cases, (given) => {
      const plan = planFor(given.size, 8, given.windowsize);
      const file = content(given.size);
      const report = transfer(plan, file, given.weather, given.manner, randomFrom(given.seed));
      expect(report.outcome).toBe('complete');
      expect(Buffer.compare(report.received, file)).toBe(0);
      expect(report.mostUnacked).toBeLessThanOrEqual(given.windowsize);
      // Going back needs a whole window of progress before it happens again, or a time-out.
      const bound = 2 * plan.blockCount + given.windowsize * (report.ticks + 1);
      expect(report.dataPackets).toBeLessThanOrEqual(bound);
    });
  });

  it('sends nothing twice when only ACKs and blocks are doubled', soak, () => {
    const doubled = { loss: 0, duplication: 100, reordering: 0 };
    const stop = fc.record({ size: fc.integer({ min: 0, max: 3000 }), manner });
    holds('protocols/tftp doubled packets', 150, stop, (given) => {
      const plan = planFor(given.size, 8, 1);
      const report = transfer(plan, content(given.size), doubled, given.manner, randomFrom(1));
      expect(report).toMatchObject({ outcome: 'complete', dataPackets: plan.blockCount, ticks: 0 });
    });
  });

  it('does not keep sending twice after one time-out at windowsize 16', () => {
    // A single lost window of ACKs set naive servers to doubling every block from there on.
    for (const each of ['acks-every-stray', 'acks-first-stray'] as const) {
      let lost = 0;
      const loseOne = (below: number): number => (below === 100 && (lost += 1) === 40 ? 0 : below - 1);
      const plan = planFor(16_000, 8, 16);
      const report = transfer(plan, content(16_000), { loss: 1, duplication: 0, reordering: 0 }, each, loseOne);
      expect(report.outcome).toBe('complete');
      expect(report.dataPackets).toBeLessThanOrEqual(plan.blockCount + 32);
    }
  });

  it('crosses the roll-over on a bad network', soak, () => {
    const plan = planFor(8 * 65_540, 8, 16);
    const file = content(8 * 65_540);
    const report = transfer(plan, file, { loss: 1, duplication: 1, reordering: 1 }, 'acks-first-stray', randomFrom(7));
    expect(report.outcome).toBe('complete');
    expect(Buffer.compare(report.received, file)).toBe(0);
  });
});
