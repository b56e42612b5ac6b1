import type { Architecture } from '../recipe/schema.js';

/** How programs of another processor run: the emulator, and how the kernel knows them. */
export interface Emulation {
  /** Name of the entry. */
  readonly name: string;
  readonly emulator: string;
  /** The line for binfmt_misc's `register`. */
  readonly line: string;
}

const hex = (bytes: readonly number[]): string =>
  bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/** ELF header: class (1: 32 bits, 2: 64), little-endian, version 1, any ABI; executables and shared objects of a machine (elf(5)). */
const elfMagic = (elfClass: 1 | 2, machine: number): { magic: string; mask: string } => ({
  magic: hex([0x7f, 0x45, 0x4c, 0x46, elfClass, 1, 1, ...Array<number>(9).fill(0), 2, 0, machine, 0]),
  mask: hex([...Array<number>(7).fill(0xff), ...Array<number>(9).fill(0), 0xfe, 0xff, 0xff, 0xff]),
});

const emulated: Readonly<
  Record<Architecture, { readonly emulator: string; readonly magic: string; readonly mask: string }>
> = {
  arm64: { emulator: 'qemu-aarch64-static', ...elfMagic(2, 183) },
  armhf: { emulator: 'qemu-arm-static', ...elfMagic(1, 40) },
};

/**
 * What a root of this architecture needs here; undefined: its programs run as they are. `runs32`: whether a 64-bit Arm processor has the 32-bit
 * instructions too, which not all have.
 */
export const emulationFor = (
  architecture: Architecture,
  machine: { readonly arch: string; readonly runs32: boolean },
): Emulation | undefined => {
  if (machine.arch === 'arm64' && (architecture === 'arm64' || machine.runs32)) return undefined;
  if (machine.arch === 'arm' && architecture === 'armhf') return undefined;
  const { emulator, magic, mask } = emulated[architecture];
  const name = `drover-${architecture}`;
  // F: the emulator is opened now, so that it is found from within a root that does not have it; O and C: what it starts keeps its own rights; P: and its own name,
  // by which busybox knows what it is to be.
  return { name, emulator, line: `:${name}:M::${magic}:${mask}:/usr/bin/${emulator}:POCF` };
};
