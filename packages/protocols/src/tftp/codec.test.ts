import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packet, tftpCorpus } from '../../test/support/corpus.js';
import { cases, holds, randomFrom, seed, soak } from '../../test/support/fuzz.js';
import { mutateTftp } from '../../test/support/mutate.js';
import { decodeTftp, encodeTftp, type TftpPacket } from './codec.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

describe('reading packets', () => {
  it('reads a request with options, names in lower case', () => {
    const decoded = decodeTftp(latin1('\0\x01a/B.txt\0OCTET\0BlkSize\x001468\0tsize\x000\0'));
    expect(decoded).toEqual({
      ok: true,
      packet: {
        op: 'rrq',
        filename: 'a/B.txt',
        mode: 'octet',
        options: [
          { name: 'blksize', value: '1468' },
          { name: 'tsize', value: '0' },
        ],
      },
    });
  });

  it.each([
    ['curl-rrq', 'f', ['tsize', 'blksize', 'timeout']],
    ['tftp-hpa-rrq', 'f', []],
    ['atftp-rrq-window', 'f', ['tsize', 'blksize', 'windowsize']],
    ['busybox-rrq', 'f', ['blksize', 'tsize']],
    ['uboot-rrq', 'boot.scr.uimg', ['timeout', 'blksize']],
    ['edk2-rrq', 'grub.efi', ['blksize', 'windowsize']],
    ['ee-rrq-1468', '91cdf03d/overlays/overlay_map.dtb', ['tsize', 'blksize']],
  ])('reads what %s really sends', (name, filename, options) => {
    const decoded = decodeTftp(packet(tftpCorpus, name));
    expect(decoded).toMatchObject({ ok: true, packet: { op: 'rrq', filename, mode: 'octet' } });
    const names = decoded.ok && decoded.packet.op === 'rrq' ? decoded.packet.options.map((option) => option.name) : [];
    expect(names).toEqual(options);
  });

  it.each([
    ['nothing', '', 'too-short'],
    ['an opcode alone', '\0\x01', 'too-short'],
    ['an unknown opcode', '\0\x07ab', 'unknown-opcode'],
    ['a mode that does not end', '\0\x01file\0octet', 'unterminated'],
    ['no mode', '\0\x01file\0', 'unterminated'],
    ['an empty file name', '\0\x01\0octet\0', 'empty-filename'],
    ['more than 512 bytes', `\0\x01${'a'.repeat(520)}\0octet\0`, 'too-long'],
    ['an OACK that does not end', '\0\x06tsize\x001', 'unterminated'],
  ])('refuses %s', (_what, text, reason) => {
    expect(decodeTftp(latin1(text))).toMatchObject({ ok: false, error: { reason } });
  });

  it('forgives zero padding, an option without value and one given twice', () => {
    const decoded = decodeTftp(latin1('\0\x01f\0octet\0tsize\x000\0tsize\x009\0blksize\0\0\0\0'));
    expect(decoded).toMatchObject({
      packet: {
        options: [
          { name: 'tsize', value: '0' },
          { name: 'blksize', value: '' },
        ],
      },
    });
  });

  it('forgives an ERROR text without its terminator', () => {
    expect(decodeTftp(latin1('\0\x05\0\0Early terminate'))).toMatchObject({
      packet: { op: 'error', code: 0, message: 'Early terminate' },
    });
  });
});

describe('writing packets', () => {
  it('writes what RFC 1350 shows', () => {
    expect(encodeTftp({ op: 'ack', block: 258 })).toEqual(Uint8Array.of(0, 4, 1, 2));
    expect(encodeTftp({ op: 'data', block: 1, data: latin1('x') })).toEqual(Uint8Array.of(0, 3, 0, 1, 120));
    expect(encodeTftp({ op: 'error', code: 1, message: 'no' })).toEqual(Uint8Array.of(0, 5, 0, 1, 110, 111, 0));
    expect(encodeTftp({ op: 'oack', options: [{ name: 'tsize', value: '7' }] })).toEqual(latin1('\0\x06tsize\x007\0'));
  });

  it('refuses what would be read as something else', () => {
    expect(() => encodeTftp({ op: 'rrq', filename: 'a\0b', mode: 'octet', options: [] })).toThrow(RangeError);
    expect(() => encodeTftp({ op: 'ack', block: 65536 })).toThrow(RangeError);
  });
});

/** Any bytes give a value or a typed error, and a value survives being written and read again. */
function check(bytes: Uint8Array): void {
  const decoded = decodeTftp(bytes);
  if (!decoded.ok) {
    expect(decoded.error.message).not.toBe('');
    return;
  }
  const again = decodeTftp(encodeTftp(decoded.packet));
  if (!again.ok) throw new Error(`not readable again: ${again.error.message}`);
  const [first, second] = [encodeTftp(decoded.packet), encodeTftp(again.packet)];
  if (Buffer.compare(first, second) !== 0) throw new Error(`unstable: ${Buffer.from(bytes).toString('hex')}`);
}

describe('any bytes', () => {
  it('decode to a value or a typed error', soak, () => {
    holds('protocols/tftp bytes', 3000, fc.uint8Array({ maxLength: 600 }), check);
    const withOpcode = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 100 }));
    holds('protocols/tftp opcode and bytes', 3000, withOpcode, ([op, rest]) => check(Uint8Array.of(0, op, ...rest)));
  });

  it('that were good packets once, too', soak, () => {
    const random = randomFrom(seed);
    const originals = [...tftpCorpus.values()];
    for (let left = cases('protocols/tftp', 20_000); left > 0; left -= 1) {
      check(mutateTftp(originals[random(originals.length)]!, random));
    }
  });

  it('of packets come back as they were', soak, () => {
    const text = fc.stringMatching(/^[\x20-\x7e]{1,40}$/);
    const options = fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z]{1,10}$/), value: text }), {
      selector: (option) => option.name,
      maxLength: 5,
    });
    const block = fc.integer({ min: 0, max: 65535 });
    const packets: fc.Arbitrary<TftpPacket> = fc.oneof(
      fc.record({ op: fc.constantFrom('rrq', 'wrq'), filename: text, mode: fc.constant('octet'), options }),
      fc.record({ op: fc.constant('data'), block, data: fc.uint8Array({ maxLength: 600 }) }),
      fc.record({ op: fc.constant('ack'), block }),
      fc.record({ op: fc.constant('error'), code: block, message: text }),
      fc.record({ op: fc.constant('oack'), options }),
    );
    holds('protocols/tftp values', 2000, packets, (value) => {
      expect(decodeTftp(encodeTftp(value))).toEqual({ ok: true, packet: value });
    });
  });
});
