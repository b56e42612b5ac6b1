import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { twoBoots } from '../../../../test/boot/two-boots.js';

const other = 'f'.repeat(32);
const isUpElsewhere = 'another board of this identity is up';

/** A board that is up, and writes to its disk. */
async function boardUp(answerMs?: number) {
  const world = twoBoots(answerMs);
  const up = world.discover();
  expect(await world.exchange(up)).toBe('granted');
  world.live(up);
  expect(await world.attach(up)).toBe(true);
  return { world, up };
}

describe('a board that is up', () => {
  it('keeps its credential and its disk while another boot begins in its name', async () => {
    const { world, up } = await boardUp();
    const begun = [world.discover(), world.discover()];
    expect(new Set([up, ...begun]).size).toBe(3);
    expect(world.isValid(up)).toBe(true);
    expect(world.writers()).toEqual([up]);
    expect(await world.attach(up)).toBe(true);
    expect(await world.attach(begun[1]!)).toBe(false);
  });

  it('is asked whether it lives before that boot is granted anything; it is, and both are told of it', async () => {
    const { world, up } = await boardUp();
    const begun = world.discover();
    expect(await world.exchange(begun, other, '10.0.0.66')).toBe(isUpElsewhere);
    expect(world.entries(begun)).toMatchObject([
      { outcome: 'impostor', address: '10.0.0.66', other: { session: up, address: '10.0.0.9', isUp: true } },
    ]);
    expect(world.entries(up)).toMatchObject([
      { outcome: 'impostor', address: '10.0.0.9', other: { session: begun, address: '10.0.0.66', isUp: false } },
    ]);
    expect(world.writers()).toEqual([up]);
    expect(await world.exchange(up)).toBe('granted');
    // Refused once, refused for good: also when the board is gone.
    await world.die(up);
    expect(await world.exchange(begun, other, '10.0.0.66')).not.toBe('granted');
    expect(world.entries(begun)).toHaveLength(1);
  });

  it('is asked once by several exchanges at the same time', async () => {
    const { world } = await boardUp();
    const begun = world.discover();
    const told = await Promise.all([1, 2, 3].map(() => world.exchange(begun, other, '10.0.0.66')));
    expect(told).toEqual([isUpElsewhere, isUpElsewhere, isUpElsewhere]);
    expect(world.entries(begun)).toHaveLength(1);
  });

  it('is known to be up after a restart of this plane', async () => {
    const { world, up } = await boardUp();
    const begun = world.discover();
    world.restart();
    expect(await world.exchange(begun)).toBe(isUpElsewhere);
    expect(world.isValid(up)).toBe(true);
    world.restart();
    expect(await world.attach(up)).toBe(true);
    expect(world.isValid(begun)).toBe(false);
  });
});

describe('a board that started again', () => {
  it('has its disk once it has proved itself; its boot before is over for good', async () => {
    const { world, up } = await boardUp();
    await world.die(up);
    const next = world.discover();
    expect(await world.exchange(next)).toBe('granted');
    expect(world.isValid(up)).toBe(false);
    expect(await world.attach(next)).toBe(true);
    expect(world.writers()).toEqual([next]);
    expect(await world.attach(up)).toBe(false);
    expect(await world.exchange(up)).toContain('over');
    world.restart();
    expect(await world.exchange(up)).toContain('over');
    expect(await world.attach(up)).toBe(false);
  });

  it.each([
    ['waits where it was heard of within a minute', 10_000, 200, 195, 60_000],
    ['does not wait where it was not', 61_000, 30_000, 0, 20_000],
  ])('%s', async (_what, pause, answerMs, least, most) => {
    const { world, up } = await boardUp(answerMs);
    const next = world.discover();
    await world.die(up);
    world.wait(pause);
    const began = performance.now();
    expect(await world.exchange(next)).toBe('granted');
    const took = performance.now() - began;
    expect([took >= least, took < most]).toEqual([true, true]);
  });

  it('does not wait either where it never came so far as to ask', async () => {
    const world = twoBoots(30_000);
    const first = world.discover();
    expect(await world.exchange(first)).toBe('granted');
    expect(await world.exchange(world.discover())).toBe('granted');
    expect(world.isValid(first)).toBe(false);
  });

  it('several times before it proves itself has one boot that counts', async () => {
    const { world, up } = await boardUp();
    await world.die(up);
    const [second, third] = [world.discover(), world.discover()];
    expect(await world.exchange(second)).toContain('over');
    expect(world.isValid(up)).toBe(true);
    expect(await world.exchange(third)).toBe('granted');
    expect([up, second, third].map((each) => world.isValid(each))).toEqual([false, false, true]);
  });

  it('that was only slow, and asks after all before the other is granted anything, is looked at again', async () => {
    const { world, up } = await boardUp();
    const begun = world.discover();
    await world.die(up);
    world.setRoot('in the making');
    expect(await world.exchange(begun)).toBe('not-ready');
    expect(world.isValid(up)).toBe(true);
    world.live(up);
    world.setRoot('ready');
    expect(await world.exchange(begun)).toBe(isUpElsewhere);
    expect(world.writers()).toEqual([up]);
  });
});

describe('whatever happens', () => {
  const which = fc.constantFrom(0, 0, 0, 1, 2);
  const of = <What extends string>(...what: What[]) => fc.record({ what: fc.constantFrom(...what), which });
  const step = fc.oneof(
    { weight: 4, arbitrary: of('discover') },
    { weight: 1, arbitrary: of('restart') },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 70_000) }) },
    { weight: 6, arbitrary: of('exchange') },
    { weight: 3, arbitrary: of('live') },
    { weight: 6, arbitrary: of('both', 'steal', 'die', 'attach', 'attach') },
  );

  it(
    'one boot of a board writes, a board that lives stays whole, and what is over stays so',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const world = twoBoots(4);
          const sessions = [world.discover()];
          const granted = new Set<string>();
          const over = new Set<string>();
          const living = new Set<string>();
          const latest = (back: number): string => sessions.at(-1 - Math.min(back, sessions.length - 1))!;
          const exchange = async (session: string, nonce?: string): Promise<void> => {
            const told = await world.exchange(session, nonce);
            if (told === 'granted' && nonce === undefined) granted.add(session);
            if (told === 'used-twice') living.delete(session);
            if (told === 'granted') expect(over).not.toContain(session);
          };
          for (const each of steps) {
            switch (each.what) {
              case 'discover': {
                const session = world.discover();
                if (!sessions.includes(session)) sessions.push(session);
                break;
              }
              case 'restart':
                world.restart();
                break;
              case 'wait':
                world.wait(each.ms);
                break;
              case 'exchange':
                await exchange(latest(each.which));
                break;
              case 'steal':
                await exchange(latest(each.which), other);
                break;
              case 'both':
                await Promise.all([
                  exchange(latest(each.which)),
                  exchange(latest(0)),
                  world.attach(latest(each.which)),
                ]);
                break;
              case 'live': {
                const session = latest(each.which);
                if (granted.has(session) && world.isValid(session)) {
                  world.live(session);
                  living.add(session);
                }
                break;
              }
              case 'die':
                await world.die(latest(each.which));
                living.delete(latest(each.which));
                break;
              case 'attach':
                await Promise.all([world.attach(latest(each.which)), world.attach(latest(each.which + 1))]);
            }
            expect(world.writers().length).toBeLessThanOrEqual(1);
            for (const session of granted) {
              const isValid = world.isValid(session);
              if (isValid) expect(over).not.toContain(session);
              else over.add(session);
              if (living.has(session)) expect(isValid).toBe(true);
            }
          }
        }),
        { numRuns: Math.ceil(300 * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1)) },
      );
    },
  );
});
