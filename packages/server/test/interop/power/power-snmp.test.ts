import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { board, configured, describePowerDriver, patient, refusalOf, timed, type PowerRig } from './driver-suite.js';
import { community, readers, startStranger, startSwitch, user, type Switch } from './poe-switch.js';

const byCommunity = { kind: 'snmp', host: '127.0.0.1', community };
const byUser = { kind: 'snmp', host: '127.0.0.1', version: 3, ...user };

const rigOf =
  (settings: Record<string, unknown>, wrong: Record<string, unknown>, words: RegExp) => async (): Promise<PowerRig> => {
    const agent = await startSwitch();
    const silent = await startStranger(() => undefined);
    return {
      settings: { ...settings, port: agent.port },
      boards: Array.from({ length: 12 }, (_, index) => ({
        port: String(index + 1),
        ...(index % 2 === 0 ? {} : { group: '2' }),
      })),
      state: ({ group = '1', port = '' }) => agent.state(`${group}.${port}`),
      asked: agent.packets,
      canQuery: true,
      silent: { ...settings, port: silent.port },
      refusing: { settings: { ...settings, port: agent.port, ...wrong }, words },
      stop: async () => {
        await Promise.all([agent.stop(), silent.stop()]);
      },
    };
  };

describePowerDriver('snmp, version 2c', rigOf(byCommunity, { community: readers }, /the switch refused it: NoAccess/), {
  failures: true,
});
describePowerDriver('snmp, version 3', rigOf(byUser, { authKey: 'another-key' }, /the switch did not take the user/), {
  failures: true,
});

describe('a PoE switch', () => {
  let agent: Switch;
  beforeAll(async () => {
    agent = await startSwitch();
  });
  afterAll(() => agent.stop());
  const driver = (more: Record<string, unknown> = {}) =>
    configured({ ...byCommunity, port: agent.port, ...more }).driver;
  const at = (port: string) => board({ port });
  const why = async (port: string, doing: 'on' | 'query' = 'on'): Promise<string> => {
    const one = driver();
    const result =
      doing === 'query' ? await one.query(at(port), patient()) : await one.switch(at(port), 'on', patient());
    return refusalOf(result).detail;
  };

  it('is asked by its name, and on IPv6', async () => {
    expect((await driver({ host: '::1' }).switch(at('5'), 'on', patient())).ok).toBe(true);
    expect(await agent.state('1.5')).toBe('on');
    expect((await driver({ host: 'localhost' }).switch(at('5'), 'off', patient())).ok).toBe(true);
    expect(await agent.state('1.5')).toBe('off');
    expect(refusalOf(await driver({ host: 'no-such.invalid' }).switch(at('5'), 'on', patient())).detail).toContain(
      'the name of the switch is not known',
    );
  });

  it('that does not do what it took is found out', async () => {
    expect(await why('23')).toContain('the switch took it, and its port 1.23 stays as it was');
  });

  it('gives no power where no board is', async () => {
    expect((await driver().switch(at('24'), 'on', patient())).ok).toBe(true);
    expect(await driver().query(at('24'), patient())).toEqual({ ok: true, value: 'off' });
  });

  it('reports faults of its ports', async () => {
    expect(await why('20', 'query')).toContain('the switch reports fault of its port 1.20');
    expect(await why('21', 'query')).toContain('the switch reports test of its port 1.21');
  });

  it('has the ports it has', async () => {
    expect(await why('22')).toContain('the switch refused it: NotWritable');
    expect(await why('25', 'query')).toContain('the switch has no such PoE port');
    expect(await why('25')).toMatch(/the switch refused it|no such PoE port/);
  });

  it.each(['0', '-1', '1.2', 'x', '1 ', '07', '9999999999'])(
    'is not asked for a port that is none: %j',
    async (port) => {
      const before = await agent.packets();
      const refused = refusalOf(await driver().switch(at(port), 'on', patient()));
      expect([refused.code, refused.errors?.[0]?.field]).toEqual(['power.unsupported', 'power.values.port']);
      expect(await agent.packets()).toBe(before);
    },
  );

  it('keeps silent towards another community, and that tells no secret', async () => {
    const one = driver({ community: 'guessed-wrong' });
    const refused = refusalOf(await one.switch(at('1'), 'on', AbortSignal.timeout(700)));
    expect(refused.detail).toContain('it was not done in time');
    expect(JSON.stringify(refused)).not.toContain('guessed');
  });

  it.each([
    ['authKey', 'another-key'],
    ['username', 'eve'],
  ])('does not take a user with another %s, and that tells no key', async (name, value) => {
    const one = configured({ ...byUser, port: agent.port, [name]: value }).driver;
    const refused = refusalOf(await one.switch(at('1'), 'on', patient()));
    expect(refused.detail).toContain('the switch did not take the user');
    for (const secret of [user.authKey, user.privKey, 'another-key'])
      expect(JSON.stringify(refused)).not.toContain(secret);
    expect(await agent.state('1.1')).toBe('off');
  });
});

/** RFC 3416: the answer to a set that was carried out is the set itself, as a response. */
const carriedOut = (packet: Buffer): Buffer => {
  const answer = Buffer.from(packet);
  answer[answer.indexOf(0xa3)] = 0xa2;
  return answer;
};

describe('answers that come by UDP', () => {
  it('are those of the switch, whoever else sends some', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const stranger = await startStranger((packet, from) => other.send(carriedOut(packet), from.port, from.address));
    const { driver } = configured({ ...byCommunity, port: stranger.port });
    const refused = refusalOf(await driver.switch(board({ port: '1' }), 'on', AbortSignal.timeout(600)));
    expect(refused.detail).toContain('it was not done in time');
    expect(stranger.heard()).toBe(1);
    other.close();
    await stranger.stop();
  });

  it('may be lost: the question is sent again', async () => {
    let sets = 0;
    const stranger = await startStranger((packet, from, socket) => {
      if (!packet.includes(0xa3)) return;
      sets += 1;
      if (sets === 2) socket.send(carriedOut(packet), from.port, from.address);
    });
    const { driver } = configured({ ...byCommunity, port: stranger.port });
    const refused = refusalOf(await driver.switch(board({ port: '1' }), 'on', AbortSignal.timeout(3000)));
    // The set was heard the second time, and what it did could not be read back.
    expect(sets).toBe(2);
    expect(stranger.heard()).toBeGreaterThan(2);
    expect(refused.detail).toContain('it was not done in time');
    await stranger.stop();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.from('no packet at all')],
    ['a length that is not there', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])],
    ['a version of its own', Buffer.from([0x30, 0x03, 0x02, 0x01, 0x63])],
  ])('may be anything: %s', async (_name, packet) => {
    const stranger = await startStranger((_packet, from, socket) => socket.send(packet, from.port, from.address));
    for (const settings of [byCommunity, byUser]) {
      const { driver } = configured({ ...settings, port: stranger.port });
      const [result, ms] = await timed(driver.query(board({ port: '1' }), AbortSignal.timeout(300)));
      expect(refusalOf(result).code).toBe('power.failed');
      expect(ms).toBeLessThan(5000);
    }
    await stranger.stop();
  });

  it('may be of another version than the question', async () => {
    const tlv = (tag: number, ...parts: (Buffer | number)[]): Buffer => {
      const content = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));
      return Buffer.concat([Buffer.from([tag, content.length]), content]);
    };
    const [none, zero] = [tlv(0x04), tlv(0x02, 0)];
    // RFC 3412, 6: authenticated, by a user that a session of version 2c does not have.
    const versionThree = (id: Buffer): Buffer => {
      const security = tlv(0x30, none, zero, zero, none, tlv(0x04, Buffer.alloc(12)), none);
      const header = tlv(0x30, id, tlv(0x02, 0x05, 0xdc), tlv(0x04, 1), tlv(0x02, 3));
      return tlv(
        0x30,
        tlv(0x02, 3),
        header,
        tlv(0x04, security),
        tlv(0x30, none, none, tlv(0xa2, id, zero, zero, tlv(0x30))),
      );
    };
    const stranger = await startStranger((packet, from, socket) => {
      const begin = packet.indexOf(community) + community.length + 2;
      const id = packet.subarray(begin, begin + 2 + (packet[begin + 1] ?? 0));
      socket.send(versionThree(id), from.port, from.address);
    });
    const { driver } = configured({ ...byCommunity, port: stranger.port });
    const refused = refusalOf(await driver.query(board({ port: '1' }), AbortSignal.timeout(400)));
    expect(refused.code).toBe('power.failed');
    expect(stranger.heard()).toBe(1);
    await stranger.stop();
  });

  it('may be a part of an answer, cut or changed anywhere', async () => {
    let turn = 0;
    const stranger = await startStranger((packet, from, socket) => {
      const answer = carriedOut(packet);
      turn += 1;
      answer[(turn * 7) % answer.length] = (turn * 37) % 256;
      socket.send(answer.subarray(0, answer.length - (turn % 5)), from.port, from.address);
    });
    const { driver } = configured({ ...byCommunity, port: stranger.port });
    for (let index = 0; index < 60; index += 1) {
      const result = await driver.switch(board({ port: '1' }), 'on', AbortSignal.timeout(40));
      expect(refusalOf(result).code).toBe('power.failed');
    }
    await stranger.stop();
  });
});
