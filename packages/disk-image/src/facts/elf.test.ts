import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { inspectProgram } from './elf.js';

/** A 32-bit ARM program with one section of build attributes. */
function armProgram(flags: number, attributes: number[]): Buffer {
  const vendor = Buffer.from('aeabi\0');
  const file = Buffer.from([1, 0, 0, 0, 0, ...attributes]);
  file.writeUInt32LE(file.length, 1);
  const body = Buffer.concat([Buffer.from([0x41, 0, 0, 0, 0]), vendor, file]);
  body.writeUInt32LE(body.length - 1, 1);
  const header = Buffer.alloc(52);
  header.write('\x7fELF\x01\x01\x01', 0, 'latin1');
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(40, 18);
  header.writeUInt32LE(52, 32);
  header.writeUInt32LE(flags, 36);
  header.writeUInt16LE(40, 46);
  header.writeUInt16LE(1, 48);
  const section = Buffer.alloc(40);
  section.writeUInt32LE(0x70000003, 4);
  section.writeUInt32LE(92, 16);
  section.writeUInt32LE(body.length, 20);
  return Buffer.concat([header, section, body]);
}

// Tag_CPU_name "7-A", Tag_CPU_arch v7, Tag_ABI_VFP_args, Tag_compatibility, an unknown text tag.
const v7 = [5, 0x37, 0x2d, 0x41, 0, 6, 10, 28, 1, 32, 0, 0, 77, 0x78, 0];

describe('inspectProgram', () => {
  it('tells arm64, and what is for others', () => {
    const program = Buffer.alloc(64);
    program.write('\x7fELF\x02\x01\x01', 0, 'latin1');
    program.writeUInt16LE(183, 18);
    expect(inspectProgram(program)).toEqual({ architecture: 'arm64' });
    program.writeUInt16LE(62, 18);
    expect(inspectProgram(program)).toEqual({ architecture: 'other' });
    expect(inspectProgram(Buffer.alloc(64))).toBeUndefined();
    expect(inspectProgram(Buffer.from('#!/bin/sh\n'))).toBeUndefined();
  });

  it('tells hard from soft floating point, and the least architecture', () => {
    expect(inspectProgram(armProgram(0x05000400, [6, 6]))).toEqual({ architecture: 'armhf', armVersion: 6 });
    expect(inspectProgram(armProgram(0x05000000, v7))).toEqual({ architecture: 'armhf', armVersion: 7 });
    expect(inspectProgram(armProgram(0x05000200, [6, 4]))).toEqual({ architecture: 'armel', armVersion: 5 });
    expect(inspectProgram(armProgram(0x05000200, []))).toEqual({ architecture: 'armel' });
  });

  it('never throws', { timeout: loopTimeout }, () => {
    const numRuns = announceRuns('elf', 1000);
    const program = armProgram(0x05000400, v7);
    const changes = fc.array(fc.tuple(fc.nat(program.length - 1), fc.nat(255)), { maxLength: 5 });
    fc.assert(
      fc.property(changes, fc.nat(program.length), (places, length) => {
        const copy = Buffer.from(program);
        for (const [at, value] of places) copy[at] = value;
        inspectProgram(copy.subarray(0, length));
      }),
      { numRuns, seed },
    );
  });
});
