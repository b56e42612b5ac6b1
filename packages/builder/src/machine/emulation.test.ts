import { describe, expect, it } from 'vitest';
import { emulationFor } from './emulation.js';

const pc = { arch: 'x64', runs32: false };

/** What binfmt_misc compares: the bytes under the mask. */
const matches = (line: string, header: readonly number[]): boolean => {
  const [, , , , magic = '', mask = ''] = line.split(':');
  const bytes = (text: string): number[] => (text.match(/\\x../g) ?? []).map((each) => parseInt(each.slice(2), 16));
  return bytes(magic).every((byte, at) => (byte & bytes(mask)[at]!) === ((header[at] ?? 0) & bytes(mask)[at]!));
};

/** elf(5): identification, type, machine. */
const elf = (bits: 1 | 2, type: number, machine: number, abi = 0): number[] => [
  ...[0x7f, 0x45, 0x4c, 0x46, bits, 1, 1, abi, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[type, 0, machine, 0],
];

describe('programs of another processor', () => {
  it('are known by their headers: executables and shared objects, of any ABI', () => {
    const { line } = emulationFor('arm64', pc)!;
    expect([elf(2, 2, 183), elf(2, 3, 183), elf(2, 2, 183, 3)].map((each) => matches(line, each))).toEqual([
      true,
      true,
      true,
    ]);
    expect([elf(2, 2, 62), elf(1, 2, 40), elf(2, 1, 183)].map((each) => matches(line, each))).toEqual([
      false,
      false,
      false,
    ]);
    expect(matches(emulationFor('armhf', pc)!.line, elf(1, 3, 40))).toBe(true);
  });

  it('need an emulator only where the processor has not their instructions', () => {
    expect(emulationFor('arm64', pc)?.emulator).toBe('qemu-aarch64-static');
    expect(emulationFor('arm64', { arch: 'arm64', runs32: false })).toBeUndefined();
    expect(emulationFor('armhf', { arch: 'arm64', runs32: true })).toBeUndefined();
    expect(emulationFor('armhf', { arch: 'arm64', runs32: false })?.emulator).toBe('qemu-arm-static');
    expect(emulationFor('arm64', { arch: 'arm', runs32: true })?.emulator).toBe('qemu-aarch64-static');
  });
});
