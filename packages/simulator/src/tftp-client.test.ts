import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { acknowledgement, earlyTerminate, readOptionAck, readRequest } from './tftp-client.js';
import { eepromWith } from './settings.js';
import { bootcodeManners, eepromManners, romManners } from './transports.js';

const bytes = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

describe('requests as captured', () => {
  it.each([
    ['ROM', 'bootcode.bin', romManners, '0001' + bytes('bootcode.bin\0octet\0'), 21],
    [
      'bootcode.bin',
      'e1ffda08/start.elf',
      bootcodeManners,
      '0001' + bytes('e1ffda08/start.elf\0octet\0tsize\x000\0'),
      35,
    ],
    [
      'EEPROM of 2019',
      'd9780558/start4.elf',
      eepromManners(eepromWith({ date: '2019-11-18' })),
      '0001' + bytes('d9780558/start4.elf\0octet\0tsize\x000\0blksize\x001024\0'),
      49,
    ],
    [
      'EEPROM since 2022-10-03',
      'd9780558/start4.elf',
      eepromManners(eepromWith({ date: '2022-10-03' })),
      '0001' + bytes('d9780558/start4.elf\0octet\0tsize\x000\0blksize\x001468\0'),
      49,
    ],
  ])('%s asks for %s', (_who, path, manners, expected, length) => {
    const packet = readRequest(path, manners);
    expect(packet.toString('hex')).toBe(expected);
    expect(packet.length).toBe(length);
    expect(expected).not.toContain(bytes('windowsize'));
  });

  it('acknowledges block numbers of 16 bits', () => {
    expect(acknowledgement(0).toString('hex')).toBe('00040000');
    expect(acknowledgement(65_535).toString('hex')).toBe('0004ffff');
    expect(acknowledgement(65_536).toString('hex')).toBe('00040000');
  });

  it('terminates early with error 0', () => {
    expect(earlyTerminate.toString('hex')).toBe('00050000' + bytes('Early terminate\0'));
  });
});

describe('what changed with the date of the bootloader', () => {
  it.each([
    ['2020-09-03', 1024, 65_535, false],
    ['2021-04-29', 1024, 65_535, true],
    ['2022-10-03', 1468, 65_535, true],
    ['2025-09-22', 1468, 65_535, true],
    ['2025-09-23', 1468, undefined, true],
  ])('%s: blksize %i, last block %s, ACKs duplicates %s', (date, blockSize, lastBlock, acknowledgesDuplicates) => {
    const manners = eepromManners(eepromWith({ date }));
    expect(manners).toMatchObject({ blockSize, acknowledgesDuplicates, retryMs: 2000, fileTimeoutMs: 30_000 });
    expect(manners.lastBlock).toBe(lastBlock);
  });
});

describe('option acknowledgements', () => {
  it('reads names without regard to case', () => {
    const packet = Buffer.from('\0\x06TSIZE\x00123\0blksize\x001024\0', 'latin1');
    expect([...readOptionAck(packet)]).toEqual([
      ['tsize', '123'],
      ['blksize', '1024'],
    ]);
  });

  it('reads anything without a fault', () => {
    check(
      'OACKs of any bytes',
      1000,
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 600 }), (packet) => {
        expect(readOptionAck(Buffer.from(packet))).toBeInstanceOf(Map);
      }),
    );
  });
});
