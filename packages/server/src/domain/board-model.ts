import type { Model } from '@drover/contract';

/** How the firmware writes its boards into the device tree; the first that fits. */
const names: readonly (readonly [form: RegExp, model: Model])[] = [
  [/^Raspberry Pi Zero 2/, 'pi02w'],
  [/^Raspberry Pi Zero W/, 'pi0w'],
  [/^Raspberry Pi Zero/, 'pi0'],
  [/^Raspberry Pi Compute Module 3/, 'cm3'],
  [/^Raspberry Pi Compute Module 4/, 'cm4'],
  [/^Raspberry Pi Compute Module 5/, 'cm5'],
  [/^Raspberry Pi 500/, 'pi500'],
  [/^Raspberry Pi 5/, 'pi5'],
  [/^Raspberry Pi 400/, 'pi400'],
  [/^Raspberry Pi 4/, 'pi4'],
  [/^Raspberry Pi 3 Model [AB] Plus/, 'pi3+'],
  [/^Raspberry Pi 3/, 'pi3'],
  [/^Raspberry Pi 2/, 'pi2'],
  [/^Raspberry Pi (1 )?Model/, 'pi1'],
  [/^linux,dummy-virt/, 'virt'],
];

/** Which model a board is that calls itself so. */
export const modelNamed = (name: string): Model => names.find(([form]) => form.test(name))?.[1] ?? 'other';

/** Whether a board that calls itself so is a Pi. */
export const isNamedPi = (name: string): boolean => name.startsWith('Raspberry Pi ');
