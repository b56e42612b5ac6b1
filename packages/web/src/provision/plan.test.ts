import type { Image } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { anyOf, problemsOf, targetOf, unfitBoard, type Wish } from './plan.js';
import { firstRootMode, unfitRootMode } from './root-modes.js';

const wish: Wish = {
  ...{ who: 'these', boards: new Set(['dev_1']), model: undefined, selector: '', image: 'raspios:1', rootMode: 'ram' },
  ...{ diskSize: '', kernelParameters: '', ttlSeconds: undefined },
};
const image = {
  ref: 'raspios:1',
  facts: {
    models: ['pi4'],
    unfit: [{ model: 'pi5', reason: 'it has no kernel for a Pi 5' }],
    rootModes: ['stream', 'nbd'],
  },
} as unknown as Image;

describe('a wish', () => {
  it('is complete, or says what is missing', () => {
    expect(problemsOf(wish, image)).toEqual([]);
    expect(problemsOf({ ...wish, boards: new Set() }, undefined)).toEqual([
      'Choose at least one board.',
      'Choose an image.',
    ]);
    expect(problemsOf({ ...wish, who: 'any', boards: new Set(), selector: 'rack' }, image)).toEqual([
      'Write the labels like rack=a,role=sign.',
    ]);
    expect(problemsOf({ ...wish, rootMode: 'nbd', diskSize: 'big' }, image)).toHaveLength(1);
    expect(problemsOf({ ...wish, rootMode: 'sd', kernelParameters: 'quiet' }, image)).toHaveLength(1);
  });

  it('becomes a request without what was left out', () => {
    expect(targetOf(wish)).toEqual({ image: 'raspios:1', rootMode: 'ram' });
    expect(targetOf({ ...wish, diskSize: '8' })).toEqual({ image: 'raspios:1', rootMode: 'ram' });
    const disk = targetOf({ ...wish, rootMode: 'nbd', diskSize: '8', ttlSeconds: 3600 });
    expect(disk).toEqual({ image: 'raspios:1', rootMode: 'nbd', diskSize: 8_000_634_880, ttlSeconds: 3600 });
    expect(anyOf({ ...wish, model: 'pi4' })).toMatchObject({ any: true, model: 'pi4' });
    expect(anyOf({ ...wish, selector: 'rack=a' })).toEqual({ image: 'raspios:1', rootMode: 'ram', selector: 'rack=a' });
  });
});

it('says why a board or a root mode does not go with an image', () => {
  expect(unfitBoard(image, { model: 'pi4' })).toBeUndefined();
  expect(unfitBoard(image, { model: 'pi5' })).toBe('it has no kernel for a Pi 5');
  expect(unfitBoard(image, { model: 'pi3' })).toBe('raspios:1 does not run on a pi3');
  expect(unfitBoard(undefined, { model: 'pi3' })).toBeUndefined();
  expect(unfitRootMode(image, 'ram')).toContain('raspios:1');
  expect([firstRootMode(image), firstRootMode(undefined)]).toEqual(['stream', 'ram']);
});
