import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases, holds, randomFrom, seed, soak } from '../../test/support/fuzz.js';
import { createLogAssembler, defaultLogLimits } from './assembler.js';
import { decodeLog } from './datagram.js';
import { harmless } from './text.js';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'utf8'));

/** What a sender's datagrams come to, with what waits at the end. */
function read(...datagrams: readonly string[]): string[] {
  const assembler = createLogAssembler();
  const lines = datagrams.flatMap((each) => assembler.take(bytes(each)));
  const left = assembler.flush();
  expect(assembler.isWaiting()).toBe(false);
  return [...lines, ...left].map(({ text }) => text);
}

describe('records of the kernel', () => {
  it('become lines as dmesg shows them', () => {
    expect(read('6,444,501151268,-;netconsole: network logging started')).toEqual([
      '[  501.151268] netconsole: network logging started',
    ]);
  });

  it('may be told with the release, the caller and a dictionary', () => {
    const [line, ...more] = read(
      '6.6.31-v8+,4,12,1000000,-,caller=T1;usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=c189:1\n',
    );
    expect([line, more]).toEqual(['[    1.000000] usb 1-1: new device', []]);
    expect(decodeLog(bytes('30,12,5,c;x'))).toMatchObject({ level: 6, facility: 3, sequence: 12, continues: true });
  });

  it('have their escapes undone, as text and not as controls', () => {
    expect(read(String.raw`6,1,1000000,-;caf\xc3\xa9 \x5c done`)).toEqual(['[    1.000000] café \\ done']);
    expect(read(String.raw`6,1,1000000,-;one\x0atwo\x1b[31mred`)).toEqual([
      '[    1.000000] one',
      '[    1.000000] twored',
    ]);
  });

  it('come back into their order, and twice is once', () => {
    const record = (n: number) => `6,${n},${n}000000,-;n${n}`;
    expect(read(record(1), record(3), record(2), record(2), record(4)).map((line) => line.slice(-2))).toEqual([
      'n1',
      'n2',
      'n3',
      'n4',
    ]);
  });

  it('that did not come are counted where they are missing', () => {
    expect(read('6,1,1000000,-;a', '6,14,2000000,-;b')).toEqual([
      '[    1.000000] a',
      '(12 lines not received)',
      '[    2.000000] b',
    ]);
    expect(read('6,1,1000000,-;a', '6,3,2000000,-;b')[1]).toBe('(1 line not received)');
  });

  it('that come after they were missed are told where they come', () => {
    const assembler = createLogAssembler();
    const take = (text: string) => assembler.take(bytes(text)).map((line) => line.text.slice(15));
    take('6,1,1000000,-;a');
    take('6,3,3000000,-;c');
    expect(assembler.flush().map(({ text }) => text)).toEqual(['(1 line not received)', '[    3.000000] c']);
    expect(take('6,2,2000000,-;b')).toEqual(['b']);
    expect(take('6,4,4000000,-;d')).toEqual(['d']);
  });

  it('of a kernel that starts anew are no gap', () => {
    expect(read('6,900,90000000,-;old', '6,410,1000000,-;new', '6,411,1100000,-;newer')).toEqual([
      '[   90.000000] old',
      '[    1.000000] new',
      '[    1.100000] newer',
    ]);
  });

  it('are put together of pieces, in whatever order they come', () => {
    const pieces = ['6,416,1758426,-,ncfrag=0/31;the first chunk,', '6,416,1758426,-,ncfrag=16/31; the 2nd chunk.'];
    const whole = ['[    1.758426] the first chunk, the 2nd chunk.'];
    expect(read(...pieces)).toEqual(whole);
    expect(read(...pieces.toReversed())).toEqual(whole);
    expect(read(pieces[0]!)).toEqual(['[    1.758426] the first chunk,[...]']);
    expect(read('6,1,1,-,ncfrag=0/999999;x', '6,1,1,-,ncfrag=9/4;long')).toEqual([]);
  });

  it('that continue a line are one line', () => {
    expect(read('6,1,1000000,c;Memory: ', '6,2,1000001,c;12K', '6,3,1000002,-;next')).toEqual([
      '[    1.000000] Memory: 12K',
      '[    1.000002] next',
    ]);
  });

  it('say when they are urgent', () => {
    const urgent = (text: string) =>
      createLogAssembler()
        .take(bytes(text))
        .map((line) => line.urgent);
    expect(urgent('0,1,1,-;Kernel panic - not syncing: VFS')).toEqual([true]);
    expect(urgent('4,1,1,-;hwmon hwmon1: Undervoltage detected!')).toEqual([true]);
    expect(urgent('6,1,1,-;usb')).toEqual([false]);
  });
});

describe('plain text', () => {
  it('is lines, whole or in pieces', () => {
    expect(read('RPi: BOOTLOADER release\r\nBOOTMODE: 0x06\n', 'NET 10.0', '.0.9 255.0.0.0\n', 'rest')).toEqual([
      'RPi: BOOTLOADER release',
      'BOOTMODE: 0x06',
      'NET 10.0.0.9 255.0.0.0',
      'rest',
    ]);
  });

  it('is the kernel’s where it has its times', () => {
    const from = (text: string) =>
      createLogAssembler()
        .take(bytes(text))
        .map((line) => line.from);
    expect(from('[    0.000000] Booting Linux\n[    1.500000][    T1] x\n<4>[   12.000000] y\n')).toEqual(
      Array.from({ length: 3 }, () => 'kernel'),
    );
    expect(from('[sdcard] type: 1\nBoot mode: SD\n')).toEqual(['plain', 'plain']);
  });

  it('is shown by nobody as a command', () => {
    expect(harmless('\u001b]0;title\u0007\u001b[2Jbell\u0007 \u202eevil\u0085\ttab')).toBe(
      'bell\\x07 \\u202eevil\\x85\ttab',
    );
    expect(read(Buffer.from([0x61, 0x0a]).toString('latin1'))).toEqual(['a']);
    const [line] = createLogAssembler().take(Uint8Array.from([0x61, 0xff, 0xfe, 0x0a]));
    expect(line?.text).toBe('a\ufffd\ufffd');
  });
});

/** Everything a sender may make us keep and write, whatever it sends. */
function check(datagrams: readonly Uint8Array[]): void {
  const assembler = createLogAssembler();
  const sent = datagrams.reduce((sum, each) => sum + each.length, 0);
  const lines = [...datagrams.flatMap((each) => assembler.take(each)), ...assembler.flush()];
  expect(assembler.isWaiting()).toBe(false);
  for (const { text } of lines) {
    expect(text.length).toBeLessThanOrEqual(defaultLogLimits.line + 40);
    expect(text).not.toMatch(/(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
  // A header and `\x00` for each byte at most, and a note of a gap.
  expect(lines.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(sent * 8 + datagrams.length * 80);
}

describe('whatever is sent', () => {
  it('is bounded and harmless', () => {
    holds('netconsole bytes', 500, fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), check);
  });

  it('is so with headers gone wrong', soak, () => {
    const random = randomFrom(seed);
    const originals = [
      '6,416,1758426,-,ncfrag=0/31;the first chunk,',
      '6,416,1758426,-,ncfrag=16/31; the 2nd chunk.',
      String.raw`6.6.31,4,12,1000000,c,caller=T1;x\x0ay` + '\n KEY=value\n',
      '0,13,1000001,-;Kernel panic',
      '[    1.000000] usb 1-1\n',
    ].map(bytes);
    for (let left = cases('netconsole datagrams', 1000); left > 0; left -= 1) {
      check(
        Array.from({ length: 1 + random(40) }, () => {
          const datagram = Uint8Array.from(originals[random(originals.length)]!);
          for (let changes = random(4); changes > 0; changes -= 1) {
            datagram[random(Math.min(24, datagram.length))] = random(3) === 0 ? random(256) : 0x30 + random(10);
          }
          return datagram;
        }),
      );
    }
  });
});
