import { expect, it } from 'vitest';
import { isNamedPi, modelNamed } from './board-model.js';

it.each([
  ['Raspberry Pi 4 Model B Rev 1.4', 'pi4'],
  ['Raspberry Pi 400 Rev 1.0', 'pi400'],
  ['Raspberry Pi 3 Model B Plus Rev 1.3', 'pi3+'],
  ['Raspberry Pi 3 Model B Rev 1.2', 'pi3'],
  ['Raspberry Pi 5 Model B Rev 1.0', 'pi5'],
  ['Raspberry Pi 500 Rev 1.0', 'pi500'],
  ['Raspberry Pi Zero 2 W Rev 1.0', 'pi02w'],
  ['Raspberry Pi Zero W Rev 1.1', 'pi0w'],
  ['Raspberry Pi Compute Module 4 Rev 1.0', 'cm4'],
  ['Raspberry Pi Model B Plus Rev 1.2', 'pi1'],
  ['linux,dummy-virt', 'virt'],
  ['Some Board', 'other'],
])('knows %s as %s', (name, model) => {
  expect(modelNamed(name)).toBe(model);
  expect(isNamedPi(name)).toBe(model !== 'virt' && model !== 'other');
});
