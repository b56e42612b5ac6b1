import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { createSink } from './byte-sink.js';
import { fleetBoards, type FleetOptions } from './fleet.js';
import { createIdentity, randomIdentity } from './identity.js';
import { modelNames, models } from './models.js';
import { percentilesOf } from './percentiles.js';
import { createRandom } from './random.js';
import { eepromWith } from './settings.js';

const network = { mode: 'relay', server: '127.0.0.1' } as const;

describe('fleet', () => {
  it('is the same for the same seed, and another for another', () => {
    const options = { count: 50, models: { '4b': 2, '5': 1, '3b': 1 }, network };
    expect(fleetBoards({ ...options, seed: 7 })).toEqual(fleetBoards({ ...options, seed: 7 }));
    expect(fleetBoards({ ...options, seed: 8 })[0]).not.toEqual(fleetBoards({ ...options, seed: 7 })[0]);
  });

  it('gives each of 3000 boards its own address, prefix and MAC', () => {
    const boards = fleetBoards({ count: 3000, models: { '4b': 1, '3b+': 1 }, network });
    for (const value of [
      boards.map((b) => b.address),
      boards.map((b) => b.identity.shortSerial),
      boards.map((b) => b.identity.mac),
    ]) {
      expect(new Set(value).size).toBe(3000);
    }
    expect(boards.every(({ address }) => address.startsWith('127.16.'))).toBe(true);
    expect(boards[255]?.address).toBe('127.16.1.0');
  });

  it.each([
    [{ count: 0, network }, /count/],
    [{ count: 1.5, network }, /count/],
    [{ count: 1, network, models: { '4b': 0 } }, /share/],
    [{ count: 1, network, models: { '4b': -1 } }, /share/],
    [{ count: 1, network, models: { six: 1 } }, /six/],
  ])('refuses %j', (options, message) => {
    expect(() => fleetBoards(options as FleetOptions)).toThrow(message);
  });
});

describe('identities', () => {
  it.each(modelNames)('a %s has the serial number and MAC its factory gives', (model) => {
    const identity = randomIdentity(model, createRandom(3));
    const { macFromSerial, ouis, serialUpperHalf } = models[model];
    expect(ouis).toContain(identity.mac.slice(0, 8));
    expect(identity.serial).toMatch(/^[0-9a-f]{16}$/);
    if (serialUpperHalf !== 'any') expect(identity.serial.slice(0, 8)).toBe(serialUpperHalf);
    if (macFromSerial) expect(identity.mac.replaceAll(':', '').slice(6)).toBe(identity.serial.slice(10));
  });

  it.each([
    [{ model: '4b', serial: 'xyz' }, /serial/],
    [{ model: '4b', serial: '123' }, /serial/],
    [{ model: '4b', serial: 'abcdef01', mac: 'dc:a6' }, /mac/],
    [{ model: '3b', serial: 'abcdef01', mac: 'b8:27:eb:00:00:00' }, /derives from its serial/],
    [{ model: 'zero', serial: 'abcdef01' }, /model/],
  ])('refuses %j', (options, message) => {
    expect(() => createIdentity(options as Parameters<typeof createIdentity>[0])).toThrow(message);
  });
});

describe('settings', () => {
  it.each([
    [{ DHCP_TIMEOUT: 4999 }, /DHCP_TIMEOUT/],
    [{ DHCP_REQ_TIMEOUT: 1 }, /DHCP_REQ_TIMEOUT/],
    [{ TFTP_FILE_TIMEOUT: 10 }, /TFTP_FILE_TIMEOUT/],
    [{ TFTP_PREFIX_STR: 'x'.repeat(33) }, /TFTP_PREFIX_STR/],
    [{ TFTP_IP: 'server' }, /TFTP_IP/],
    [{ date: 'today' }, /date/],
  ])('refuses %j', (changes, message) => {
    expect(() => eepromWith(changes)).toThrow(message);
  });
});

describe('figures', () => {
  it('are nearest-rank percentiles', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentilesOf(values)).toEqual({ count: 100, min: 1, mean: 50.5, p50: 50, p90: 90, p99: 99, max: 100 });
    expect(percentilesOf([])).toEqual({ count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  });
});

describe('sink', () => {
  it('keeps and hashes what is written, whatever was announced', () => {
    check(
      'sinks',
      200,
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 8 }),
        fc.nat(20_000),
        (chunks, announced) => {
          const sink = createSink({ keep: true, hash: true });
          sink.expect(announced);
          for (const chunk of chunks) sink.write(Buffer.from(chunk));
          const whole = Buffer.concat(chunks);
          const { bytes, sha256 } = sink.finish();
          expect(bytes?.equals(whole)).toBe(true);
          expect(sha256).toBe(createHash('sha256').update(whole).digest('hex'));
          expect(sink.size).toBe(whole.length);
        },
      ),
    );
  });

  it('keeps nothing when told so', () => {
    const sink = createSink({ keep: false, hash: false });
    sink.write(Buffer.from('abc'));
    expect(sink.finish()).toEqual({});
    expect(sink.size).toBe(3);
  });
});
