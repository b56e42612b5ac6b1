import { describe, expect, it } from 'vitest';
import { readArguments } from './arguments.js';

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');

describe('command line', () => {
  it('describes one board behind a relay by default', () => {
    const command = readArguments(
      words('--model 5 --serial abcdef01 --server 127.0.0.1 --dhcp-port 1067 --tftp-port 1069'),
    );
    expect(command).toMatchObject({
      kind: 'board',
      board: {
        identity: { serial: '10000000abcdef01' },
        network: { mode: 'relay', server: '127.0.0.1', address: '127.16.0.1', dhcpPort: 1067, tftpPort: 1069 },
        content: 'discard',
      },
    });
  });

  it('reads EEPROM settings and quirks by their own names', () => {
    const line =
      '--serial abcdef01 --mode broadcast --interface eth0 --configure-interface --eeprom DHCP_TIMEOUT=5000 --eeprom date=2019-11-18 --quirk d0=1 --quirk romDeafMs=1500';
    expect(readArguments(words(line))).toMatchObject({
      board: {
        network: { mode: 'broadcast', interface: 'eth0', configureInterface: true },
        eeprom: { DHCP_TIMEOUT: 5000, date: '2019-11-18' },
        quirks: { d0: true, romDeafMs: 1500 },
      },
    });
  });

  it('hands over to QEMU, once unless told otherwise', () => {
    const line =
      '--serial abcdef01 --mode static --server 10.0.0.2 --address 10.0.0.7 --qemu virt --work /w --tap tap0 --netns lab';
    expect(readArguments(words(line))).toMatchObject({
      kind: 'guest',
      board: { content: 'memory' },
      guest: {
        qemu: { machine: 'virt', network: { kind: 'tap', interface: 'tap0' } },
        folder: '/w',
        maxBoots: 1,
        commandPrefix: ['ip', 'netns', 'exec', 'lab'],
      },
    });
  });

  it('describes a fleet', () => {
    const line = '--fleet 100 --server 127.0.0.1 --models 4b=3,5 --seed 9 --ramp-up-ms 500 --first-address 127.20.0.1';
    expect(readArguments(words(line))).toMatchObject({
      kind: 'fleet',
      fleet: {
        count: 100,
        seed: 9,
        rampUpMs: 500,
        models: { '4b': 3, '5': 1 },
        network: { firstAddress: '127.20.0.1' },
      },
    });
  });

  it.each([
    ['--model six --serial abcdef01 --server x', /--model must be one of/],
    ['--model 4b --server 127.0.0.1', /--serial is needed/],
    ['--serial abcdef01', /--server is needed/],
    ['--serial abcdef01 --server 127.0.0.1 --tftp-port 70000', /--tftp-port must be a port/],
    ['--serial abcdef01 --server 127.0.0.1 --clock-scale fast', /--clock-scale must be a number/],
    ['--serial abcdef01 --server 127.0.0.1 --eeprom NOPE=1', /--eeprom "NOPE=1" must be KEY=VALUE with a key of date/],
    ['--serial abcdef01 --server 127.0.0.1 --quirk d0', /--quirk "d0" must be/],
    ['--serial abcdef01 --server 127.0.0.1 --mode carrier-pigeon', /--mode must be/],
    ['--serial abcdef01 --server 127.0.0.1 --transport nfs', /--transport must be/],
    ['--serial abcdef01 --server 127.0.0.1 --qemu virt', /--work is needed/],
    ['--serial abcdef01 --server 127.0.0.1 --qemu pc --work /w', /--qemu must be/],
    ['--fleet 3 --mode broadcast --server 127.0.0.1', /--mode of a fleet/],
    ['--no-such-option', /no-such-option/],
  ])('refuses %s', (line, message) => {
    expect(() => readArguments(words(line))).toThrow(message);
  });

  it('asks for help without arguments', () => {
    expect(readArguments([])).toEqual({ kind: 'help' });
  });
});
