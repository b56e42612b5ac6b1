import type { Architecture } from '../ports.js';
import type { HelperFile } from './packages.js';

/** Values of System V ABI, ELF header: e_machine and program header types. */
const machines = { arm: 40, aarch64: 183 } as const;
const interpreterHeader = 3;

/** Why a file cannot be a helper of this kind and architecture, or undefined when it can. */
export function judgeHelper(bytes: Buffer, kind: HelperFile['kind'], architecture: Architecture): string | undefined {
  if (kind === 'text') return undefined;
  if (bytes.length < 64 || bytes.toString('latin1', 0, 4) !== '\x7fELF') return 'is no ELF program';
  const wide = bytes[4] === 2;
  const machine = bytes.readUInt16LE(18);
  if (machine !== (architecture === 'arm64' ? machines.aarch64 : machines.arm))
    return `is a program for another processor (e_machine ${machine})`;
  return kind === 'static' ? needsLibraries(bytes, wide) : undefined;
}

function needsLibraries(bytes: Buffer, wide: boolean): string | undefined {
  const start = wide ? Number(bytes.readBigUInt64LE(32)) : bytes.readUInt32LE(28);
  const size = bytes.readUInt16LE(wide ? 54 : 42);
  const count = bytes.readUInt16LE(wide ? 56 : 44);
  for (let index = 0; index < count; index++) {
    const at = start + index * size;
    if (at + 4 > bytes.length) return 'is cut short';
    if (bytes.readUInt32LE(at) === interpreterHeader) return 'is not static: it needs libraries';
  }
  return undefined;
}
