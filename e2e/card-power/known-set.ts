import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CardChoice } from '../../packages/simulator/src/index.js';

/** A system that a card may start, to the last byte. */
export interface KnownSet {
  readonly name: string;
  /** One for each kind of board. */
  readonly kernels: readonly Buffer[];
  readonly deviceTrees: readonly Buffer[];
  readonly initramfs: Buffer;
  /** First line of cmdline.txt. */
  readonly cmdline: string;
}

/** The set in a folder: kernel*.img, *.dtb, drover.img, cmdline.txt. */
export function knownSet(name: string, folder: string): KnownSet {
  const named = (pattern: RegExp): Buffer[] =>
    readdirSync(folder)
      .filter((each) => pattern.test(each))
      .map((each) => readFileSync(join(folder, each)));
  return {
    name,
    kernels: named(/^kernel.*\.img$/),
    deviceTrees: named(/\.dtb$/),
    initramfs: readFileSync(join(folder, 'drover.img')),
    cmdline: readFileSync(join(folder, 'cmdline.txt'), 'utf8').split('\n')[0] ?? '',
  };
}

/** Which set a firmware would start. `wrong` where it would start none, or something of which a part is in no set or in another. */
export type Start = { readonly set: string } | { readonly wrong: string };

export function startOf(choice: CardChoice, sets: readonly KnownSet[]): Start {
  if (!choice.boots) return { wrong: `stops: ${choice.message}` };
  const { kernel, dtb, initramfs, cmdline } = choice;
  const namesOf = (isIn: (set: KnownSet) => boolean): string[] => sets.filter(isIn).map(({ name }) => name);
  const parts = {
    kernel: namesOf(({ kernels }) => kernels.some((each) => each.equals(kernel.bytes))),
    initramfs: namesOf((set) => set.initramfs.equals(initramfs.bytes)),
    cmdline: namesOf((set) => set.cmdline === cmdline),
    // Two versions of an image often have the same.
    dtb: namesOf(({ deviceTrees }) => deviceTrees.some((each) => dtb !== undefined && each.equals(dtb.bytes))),
  };
  const whole = parts.kernel.find((name) => Object.values(parts).every((names) => names.includes(name)));
  if (whole !== undefined) return { set: whole };
  const said = Object.entries(parts).map(([part, names]) => `${part} of ${names.join(' and ') || 'none'}`);
  return { wrong: `starts a mixture: ${said.join(', ')}` };
}
