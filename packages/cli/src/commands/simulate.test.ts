import { describe, expect, it } from 'vitest';
import { UsageError, type OptionValues } from '../command.js';
import { createProgram } from '../program.js';
import { readSimulation, type Simulation } from './simulate.js';

/** What commander makes of a command line. */
const optionsOf = (line: string): OptionValues => {
  let options: OptionValues = {};
  const quiet = { out: () => undefined, err: () => undefined };
  createProgram('1.0.0', quiet, (asked) => (options = asked.options)).parse(
    ['simulate', ...line.split(' ').filter((word) => word !== '')],
    { from: 'user' },
  );
  return options;
};
const read = (line: string): Simulation => readSimulation(optionsOf(line));

describe('drover simulate', () => {
  it('is one board behind a relay of this machine by default', () => {
    expect(read('--model 5 --serial abcdef01 --dhcp-port 1067 --tftp-port 1069')).toMatchObject({
      kind: 'board',
      board: {
        board: {
          identity: { serial: '10000000abcdef01', model: { name: '5' } },
          network: { mode: 'relay', server: '127.0.0.1', address: '127.16.0.1', dhcpPort: 1067, tftpPort: 1069 },
          content: 'discard',
        },
      },
    });
  });

  it('reads EEPROM settings and quirks by their own names', () => {
    const line =
      '--serial abcdef01 --mode broadcast --interface eth0 --configure-interface --eeprom DHCP_TIMEOUT=5000 --eeprom date=2019-11-18 --quirk d0=1 --quirk romDeafMs=1500';
    expect(read(line)).toMatchObject({
      board: {
        board: {
          network: { mode: 'broadcast', interface: 'eth0', configureInterface: true },
          eeprom: { DHCP_TIMEOUT: 5000, date: '2019-11-18' },
          quirks: { d0: true, romDeafMs: 1500 },
        },
      },
    });
  });

  it('hands over to QEMU, once unless told otherwise', () => {
    const line =
      '--serial abcdef01 --mode static --boot-server 10.0.0.2 --address 10.0.0.7 --qemu virt --work /w --tap tap0 --netns lab --memory 512';
    expect(read(line)).toMatchObject({
      kind: 'guest',
      guest: {
        board: { content: 'memory', network: { mode: 'static', server: '10.0.0.2', address: '10.0.0.7' } },
        qemu: { machine: 'virt', network: { kind: 'tap', interface: 'tap0' }, memoryMb: 512 },
        folder: '/w',
        maxBoots: 1,
        maxFailures: 1,
        commandPrefix: ['ip', 'netns', 'exec', 'lab'],
      },
    });
  });

  it('is a fleet', () => {
    const line = '--fleet 100 --models 4b=3,5 --seed 9 --ramp-up-ms 500 --first-address 127.20.0.1 --attempts 2';
    expect(read(line)).toMatchObject({
      kind: 'fleet',
      fleet: {
        count: 100,
        seed: 9,
        rampUpMs: 500,
        attempts: 2,
        models: { '4b': 3, '5': 1 },
        network: { server: '127.0.0.1', firstAddress: '127.20.0.1' },
      },
    });
  });

  it.each([
    ['--model six --serial abcdef01', /--model: six is no model/],
    ['--model 4b', /--serial is missing/],
    ['--serial xyz', /--serial.*serial must be 8 or 16 hex digits/],
    ['--serial abcdef01 --mac dc:a6', /--mac.*mac must be six hex pairs/],
    ['--serial abcdef01 --boot-server http://x', /--boot-server http:\/\/x is not an IPv4 address/],
    ['--serial abcdef01 --address 127.16.0.300', /--address 127.16.0.300 is not an IPv4 address/],
    ['--serial abcdef01 --tftp-port 70000', /--tftp-port 70000 is not a port/],
    ['--serial abcdef01 --clock-scale fast', /--clock-scale fast is not a number/],
    ['--serial abcdef01 --clock-scale 0', /--clock-scale 0 is not above 0/],
    ['--serial abcdef01 --eeprom NOPE=1', /--eeprom NOPE=1 is no setting/],
    ['--serial abcdef01 --eeprom TFTP_PREFIX=7', /--eeprom: TFTP_PREFIX must be 0, 1 or 2/],
    ['--serial abcdef01 --eeprom TFTP_PREFIX=x', /--eeprom TFTP_PREFIX x is not a number/],
    ['--serial abcdef01 --quirk d0', /--quirk d0 is no setting/],
    ['--serial abcdef01 --mode carrier-pigeon', /--mode carrier-pigeon is not known/],
    ['--serial abcdef01 --transport nfs', /--transport nfs is not known/],
    ['--serial abcdef01 --attempts 0', /--attempts 0 is not a whole number from 1/],
    ['--serial abcdef01 --mode broadcast --configure-interface', /--configure-interface needs --interface/],
    ['--serial abcdef01 --mode broadcast --boot-server 127.0.0.1', /--boot-server is not for --mode broadcast/],
    ['--serial abcdef01 --interface eth0', /--interface is for --mode broadcast/],
    ['--serial abcdef01 --qemu virt', /--work is missing/],
    ['--serial abcdef01 --qemu pc --work /w', /--qemu pc is not known/],
    ['--serial abcdef01 --memory 512', /--memory is for a guest: give --qemu too/],
    ['--serial abcdef01 --seed 3', /--seed is for many boards: give --fleet too/],
    ['--serial abcdef01 --os plan9', /--os plan9 is not known/],
    ['--serial abcdef01 --fault gremlins', /--fault gremlins is not known/],
    ['--serial abcdef01 --fault stop-after=lunch', /--fault stop-after=lunch is not known/],
    ['--serial abcdef01 --os none --fault reuse-secret', /--fault is for --os runtime/],
    ['--serial abcdef01 --qemu virt --work /w --os none', /--os is for a board without a guest/],
    ['--fleet 3 --serial abcdef01', /--serial is for one board, not for a --fleet/],
    ['--fleet 3 --mode broadcast', /--mode broadcast is not known/],
    ['--fleet many', /--fleet many is not a whole number/],
    ['--fleet 3 --models six=1', /--models: six is no model/],
    ['--fleet 3 --models 4b=-1', /--models 4b=-1: a share is not below 0/],
    ['--fleet 3 --models 4b=0', /--models 4b=0: one share must be above 0/],
  ])('refuses %s', (line, message) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(message);
  });
});
