import { describe, expect, it } from 'vitest';
import { createClock } from './clock.js';
import type { DeviceAnswer, DeviceRequest } from './device-http.js';
import { createIdentity } from './identity.js';
import { createRandom } from './random.js';
import { followDisks } from './runtime-disks.js';
import { readParameters } from './runtime-parameters.js';

const answer = (status: number, text = ''): DeviceAnswer => ({
  ...{ status, retryAfter: '', date: '', body: Buffer.from(text) },
});

/** A board that asks until the last of these answers was given. */
async function ask(answers: readonly DeviceAnswer[]) {
  const off = new AbortController();
  const asked: DeviceRequest[] = [];
  const pauses: number[] = [];
  const read = readParameters(
    `drover.url=http://10.0.0.1 drover.session=bs_1 drover.secret=${'0'.repeat(32)} drover.mode=ram`,
  );
  if (!read.ok) throw new Error(read.why);
  const clock = { ...createClock(), sleep: async (ms: number) => void pauses.push(Math.floor(ms / 1000)) };
  await followDisks(
    {
      parameters: read.parameters,
      authorization: 'Bearer x',
      board: {
        ...{ identity: createIdentity({ model: '4b', serial: '1000000091cdf03d' }), random: createRandom(1) },
        ...{ clock, say: () => undefined },
      },
    },
    {
      ask: async (request) => {
        asked.push(request);
        const given = answers[asked.length - 1] ?? answer(0);
        if (asked.length >= answers.length) off.abort();
        return given;
      },
      download: () => Promise.reject(new Error('nothing is downloaded')),
    },
    off.signal,
  );
  return { asked, pauses };
}

describe('a board that is up', () => {
  it('asks again at once when it is answered, with the version it knows', async () => {
    const { asked, pauses } = await ask([
      answer(200, 'version=00ff\nport=1\n'),
      answer(200, 'version=00fe\n'),
      answer(0),
    ]);
    expect(asked.map(({ path }) => path)).toEqual([
      '/device/v1/sessions/bs_1/disks?known=&has=&busy=',
      '/device/v1/sessions/bs_1/disks?known=00ff&has=&busy=',
      '/device/v1/sessions/bs_1/disks?known=00fe&has=&busy=',
    ]);
    expect(asked.every(({ authorization, limitMs }) => authorization === 'Bearer x' && limitMs === 80_000)).toBe(true);
    expect(pauses).toHaveLength(1);
  });

  it('waits longer and longer for a server that is away, and long after a refusal', async () => {
    const { pauses } = await ask([answer(0), answer(503), answer(0), answer(200), answer(403), answer(0)]);
    const [first, second, third, refused] = pauses as [number, number, number, number];
    expect([first >= 1, second >= 2, third >= 4, refused >= 32]).toEqual([true, true, true, true]);
    expect([first <= 2, second <= 3, third <= 6, refused <= 48]).toEqual([true, true, true, true]);
  });
});
