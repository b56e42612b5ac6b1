import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { numberSetting, readConfig, settingOf, settingsOf, type ConfigContext } from './config-txt.js';
import { createIdentity } from './identity.js';
import type { ModelName } from './models.js';

const context = (model: ModelName, changes: Partial<ConfigContext> = {}): ConfigContext => ({
  identity: createIdentity({
    model,
    serial: model.startsWith('3') || model === '2b' ? '00000000abcdef01' : '10000000abcdef01',
  }),
  tryboot: false,
  followsIncludes: true,
  ...changes,
});

const read = (text: string | Buffer, board: ConfigContext, includes: Record<string, string> = {}) =>
  readConfig(
    Buffer.from(text),
    board,
    new Map(Object.entries(includes).map(([name, content]) => [name, Buffer.from(content)])),
  );

const valueFor = (filter: string, board: ConfigContext): string | undefined =>
  settingOf(read(`a=0\n${filter}\na=1\n`, board).entries, 'a');

describe('filters', () => {
  const table: readonly [string, ModelName, boolean][] = [
    ['[all]', '4b', true],
    ['[none]', '4b', false],
    ['[pi4]', '4b', true],
    ['[PI4]', '4b', true],
    ['[pi4]', '400', true],
    ['[pi400]', '400', true],
    ['[pi400]', '4b', false],
    ['[cm4]', 'cm4', true],
    ['[pi4]', 'cm4', true],
    ['[cm4s]', 'cm4', false],
    ['[pi3]', '3b+', true],
    ['[pi3+]', '3b+', true],
    ['[pi3+]', '3b', false],
    ['[pi3]', '2b', false],
    ['[pi2]', '2b', true],
    ['[pi5]', '5', true],
    ['[pi5]', '4b', false],
    ['[pi5]', '500', true],
    ['[pi500]', '500', true],
    ['[cm5]', 'cm5', true],
    ['[pi02]', '3b', false],
    ['[board-type=0x11]', '4b', true],
    ['[board-type=0x14]', 'cm4', true],
    ['[board-type=0x14]', '4b', false],
    ['[board-type=23]', '5', true],
    ['[0xabcdef01]', '4b', true],
    ['[0x10000000abcdef01]', '4b', true],
    ['[0xABCDEF01]', '4b', true],
    ['[0xabcdef02]', '4b', false],
    ['[0xabcdef01]', '3b', true],
    ['[EDID=DEL-DELL_U2422H]', '4b', false],
    ['[HDMI:1]', '4b', true],
    ['[gpio4=1]', '4b', true],
    ['[gpio4=0]', '4b', false],
    ['[gpio17=0]', '4b', true],
    ['[tryboot]', '4b', false],
    ['[partition=0]', '4b', true],
    ['[boot_partition>1]', '4b', false],
    ['[no-such-filter]', '4b', false],
  ];
  it.each(table)('%s on a %s: %s', (filter, model, applies) => {
    expect(valueFor(filter, context(model))).toBe(applies ? '1' : '0');
  });

  it('[tryboot] applies after `reboot "0 tryboot"`', () => {
    expect(valueFor('[tryboot]', context('4b', { tryboot: true }))).toBe('1');
  });

  it('uses the level of a pin', () => {
    expect(valueFor('[gpio4=0]', context('4b', { pins: new Map([[4, 0]]) }))).toBe('1');
  });

  it('filters of one kind replace each other, of different kinds add up, [all] clears', () => {
    const lines = '[pi3]\na=1\n[pi4]\na=2\n[0xabcdef02]\na=3\n[0xabcdef01]\na=4\n[pi5]\na=5\n[all]\nb=6\n';
    expect(read(lines, context('4b')).entries).toEqual([
      { key: 'a', value: '2' },
      { key: 'a', value: '4' },
      { key: 'b', value: '6' },
    ]);
  });

  it('[none] holds until [all], whatever model filter follows', () => {
    expect(settingOf(read('[none]\n[pi4]\na=1\n', context('4b')).entries, 'a')).toBeUndefined();
  });
});

describe('lines', () => {
  it('reads values, the two settings without =, comments and CRLF', () => {
    const { entries } = read(
      '# x\r\n\r\n  kernel = k.img \r\ninitramfs a.gz,b.gz followkernel\r\n#kernel=no\r\nnonsense\r\n',
      context('4b'),
    );
    expect(entries).toEqual([
      { key: 'kernel', value: 'k.img' },
      { key: 'initramfs', value: 'a.gz,b.gz followkernel' },
    ]);
  });

  it('takes initramfs= for nothing', () => {
    expect(read('initramfs=a.gz followkernel\n', context('4b')).entries).toEqual([]);
  });

  it('ignores what stands beyond 98 characters', () => {
    const { entries } = read(`cmdline=${'x'.repeat(200)}\n`, context('4b'));
    expect(settingOf(entries, 'cmdline')).toBe('x'.repeat(90));
  });

  it('stops at the first byte that is not ASCII', () => {
    const { entries } = read('a=1\n# größer\nb=2\n', context('4b'));
    expect(entries).toEqual([{ key: 'a', value: '1' }]);
  });

  it('the last value counts; lists keep all', () => {
    const { entries } = read('a=1\na=0x10\ndtoverlay=x\ndtoverlay=y,z=1\n', context('4b'));
    expect(numberSetting(entries, 'a')).toBe(16);
    expect(settingsOf(entries, 'dtoverlay')).toEqual(['x', 'y,z=1']);
  });
});

describe('include', () => {
  it('names what must be fetched, then inserts it under the filters in force', () => {
    const text = '[pi4]\ninclude more.txt\n[pi5]\ninclude five.txt\n';
    expect(read(text, context('4b')).missingIncludes).toEqual(['more.txt']);
    expect(read(text, context('4b'), { 'more.txt': 'a=1\n[all]\n' }).entries).toEqual([{ key: 'a', value: '1' }]);
  });

  it('is not followed by bootcode.bin or the EEPROM', () => {
    const config = read('include more.txt\n', context('4b', { followsIncludes: false }));
    expect(config).toEqual({ entries: [], missingIncludes: [] });
  });

  it('ends when a file includes itself', () => {
    const config = read('include a.txt\n', context('4b'), { 'a.txt': 'x=1\n' + 'include a.txt\n'.repeat(50) });
    expect(config.entries.length).toBeLessThanOrEqual(20_000);
  });
});

describe('properties', () => {
  const line = fc.oneof(
    fc.constantFrom('[all]', '[none]', '[pi4]', '[pi3]', '[pi5]', '[0xabcdef01]', '[gpio4=1]', '[tryboot]', '#c', ''),
    fc
      .tuple(fc.stringMatching(/^[a-z_]{1,12}$/), fc.stringMatching(/^[ -~]{0,40}$/))
      .map(([key, value]) => `${key}=${value}`),
  );

  it('any bytes are read without a fault, and reading twice gives the same', () => {
    check(
      'config.txt of any bytes',
      500,
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const board = context('5');
        expect(readConfig(Buffer.from(bytes), board)).toEqual(readConfig(Buffer.from(bytes), board));
      }),
    );
  });

  it('after [all] the rest reads as if it stood alone', () => {
    check(
      'config.txt after [all]',
      200,
      fc.property(fc.array(line, { maxLength: 20 }), fc.array(line, { maxLength: 20 }), (before, after) => {
        const board = context('4b');
        const whole = read([...before, '[all]', ...after].join('\n'), board).entries;
        const alone = read(after.join('\n'), board).entries;
        expect(whole.slice(whole.length - alone.length)).toEqual(alone);
      }),
    );
  });

  it('[none] hides everything up to [all]', () => {
    check(
      'config.txt under [none]',
      200,
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const hidden = lines.filter((text) => text !== '[all]');
        expect(read(['[none]', ...hidden].join('\n'), context('4b')).entries).toEqual([]);
      }),
    );
  });
});
