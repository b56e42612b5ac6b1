import { describe, expect, it } from 'vitest';
import { dhcpCorpus, packet } from '../../test/support/corpus.js';
import { decodeBoardRevision } from './board-revision.js';
import { decodeDhcp, type DhcpMessage } from './codec.js';
import { option } from './options.js';
import { recognise } from './recognise.js';

function message(name: string): DhcpMessage {
  const decoded = decodeDhcp(packet(dhcpCorpus, name));
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.message;
}

const withOption = (name: string, code: number, value: readonly number[]): DhcpMessage => {
  const original = message(name);
  return { ...original, options: new Map([...original.options, [code, Uint8Array.from(value)]]) };
};

describe('who is asking', () => {
  it.each([
    ['rom-3b-discover', { kind: 'rom', model: 'pi3', raspberryPiMac: true, architecture: 0 }],
    ['bc-3bplus-discover', { kind: 'bc', serial32: '91cdf03d', raspberryPiMac: true }],
    ['ee-pi4-discover', { kind: 'ee', model: 'pi4', boardRevision: 0xd03114, serial32: '91cdf03d' }],
    ['ee-pi4-request-without-class', { kind: 'ee', model: 'pi4', serial32: '91cdf03d' }],
    ['ee-pi4-serial-only-discover', { kind: 'ee', serial32: '12345678', mac: 'dc:a6:32:01:36:c2' }],
    ['ee-pi4-custom-fourcc-discover', { kind: 'ee', model: 'pi4', serial32: '91cdf03d' }],
    ['ee-pi5-discover', { kind: 'ee', model: 'pi5', boardRevision: 0xc04170, serial32: '8f3c21d0' }],
    ['udhcpc-like-pi4-discover', { kind: 'ee', model: 'pi4', serial32: '91cdf03d', raspberryPiMac: false }],
    ['udhcpc-like-pi-short-97-discover', { kind: 'pxe-other' }],
    ['ipxe-discover', { kind: 'ipxe', architecture: 7 }],
    ['edk2-discover', { kind: 'edk2', architecture: 11, mac: '52:54:00:00:00:02' }],
    ['edk2-pxe-request', { kind: 'edk2', architecture: 11 }],
    ['edk2-http-discover', { kind: 'other', architecture: 19 }],
    ['uboot-discover', { kind: 'uboot', architecture: 22 }],
    ['uboot-like-efi-discover', { kind: 'edk2', architecture: 11 }],
    ['udhcpc-discover', { kind: 'other' }],
  ])('%s', (name, expected) => {
    expect(recognise(message(name))).toMatchObject(expected);
  });

  it('reads the FourCC in either byte order', () => {
    const id = Array.from(message('ee-pi5-discover').options.get(97)!);
    const reversed = [0, ...id.slice(1, 5).reverse(), ...id.slice(5)];
    expect(recognise(withOption('ee-pi5-discover', 97, reversed))).toMatchObject({ kind: 'ee', model: 'pi5' });
  });

  it('takes the model of a board revision it does not know from the FourCC', () => {
    const id = Array.from(message('ee-pi4-discover').options.get(97)!);
    id.splice(5, 4, 0xf0, 0x3f, 0xd0, 0);
    expect(recognise(withOption('ee-pi4-discover', 97, id))).toMatchObject({ kind: 'ee', model: 'pi4' });
  });

  it('never takes the 3B ROM’s constant for a serial', () => {
    const rom = { ...message('rom-3b-discover'), xid: 1 };
    expect(recognise(rom)).toMatchObject({ kind: 'rom' });
    expect(recognise(rom).serial32).toBeUndefined();
  });

  it('never takes an empty machine id for a serial', () => {
    for (const byte of [0, 0xff]) {
      const asked = withOption('bc-3bplus-discover', 97, [0, ...Array<number>(16).fill(byte)]);
      expect(recognise(asked).serial32).toBeUndefined();
    }
  });

  it('knows a board by its hardware address when it says nothing else, if it is a PXE client', () => {
    const silent = withOption('ee-pi4-discover', 97, [0, 1, 2]);
    expect(recognise(silent)).toMatchObject({ kind: 'ee', raspberryPiMac: true });
    expect(recognise(silent, ['00:11:22'])).toMatchObject({ kind: 'pxe-other', raspberryPiMac: false });
  });

  it('does not take an operating system on a Raspberry Pi for its firmware', () => {
    const original = message('udhcpc-discover');
    const chaddr = Uint8Array.from(original.chaddr);
    chaddr.set([0xdc, 0xa6, 0x32]);
    expect(recognise({ ...original, chaddr })).toMatchObject({ kind: 'other', raspberryPiMac: true });
  });

  it('knows iPXE by its user class too', () => {
    const options = new Map(message('ipxe-discover').options);
    options.delete(option.ipxe);
    expect(recognise({ ...message('ipxe-discover'), options })).toMatchObject({ kind: 'ipxe' });
  });
});

describe('board revisions', () => {
  it.each([
    [0xd03114, 'pi4', 8192, '1.4'],
    [0xa02082, 'pi3', 1024, '1.2'],
    [0xa020d3, 'pi3+', 1024, '1.3'],
    [0x902120, 'pi02w', 512, '1.0'],
    [0xc03130, 'pi400', 4096, '1.0'],
    [0xb03140, 'cm4', 2048, '1.0'],
    [0xc04170, 'pi5', 4096, '1.0'],
    [0xd04190, 'pi500', 8192, '1.0'],
    [0xc04180, 'cm5', 4096, '1.0'],
    [0xa22042, 'pi2', 1024, '1.2'],
    [0x900092, 'pi0', 512, '1.2'],
  ])('%s is %s', (code, model, memoryMiB, pcb) => {
    expect(decodeBoardRevision(code)).toEqual({ model, memoryMiB, pcb });
  });

  it('leaves old codes and unknown types open', () => {
    expect(decodeBoardRevision(0x000e)).toBeUndefined();
    expect(decodeBoardRevision(0xd03ff0)).toMatchObject({ model: undefined });
  });
});
