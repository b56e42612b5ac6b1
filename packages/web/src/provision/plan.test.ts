import type { Device, Image } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { noFirstBoot } from '../first-boot/model.js';
import { anyOf, choicesOf, problemsOf, targetOf, unfitBoard, waits, type Wish } from './plan.js';
import { firstRootMode, unfitRootMode } from './root-modes.js';

const wish: Wish = {
  ...{ who: 'these', boards: new Set(['dev_1']), model: undefined, selector: '', image: 'raspios:1', rootMode: 'ram' },
  ...{ diskSize: '', kernelParameters: '', ttlSeconds: undefined, firstBoot: noFirstBoot, files: [] },
  ...{ memoryMiB: undefined, site: '', spread: '', waitSeconds: undefined },
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

describe('the rarer options', () => {
  const firstBoot = { ...noFirstBoot, form: 'fields' as const, hostname: 'sign-17', timezone: 'UTC' };
  const file = { path: '/etc/app/token', mode: '0600', uid: 0, gid: 0, content: 'YQ==' };

  it('say what the board must be like', () => {
    const any: Wish = { ...wish, who: 'any', boards: new Set(), memoryMiB: 4096, site: 'attic', spread: 'rack' };
    expect(anyOf(any)).toMatchObject({ any: true, memoryMiB: 4096, site: 'attic', spread: 'rack' });
    expect(Object.keys(anyOf({ ...wish, who: 'any' }))).toEqual(['image', 'rootMode', 'any']);
  });

  it('set the first boot up, without a host name where several boards would have it', () => {
    expect(targetOf({ ...wish, firstBoot })).toMatchObject({ firstBoot: { hostname: 'sign-17', timezone: 'UTC' } });
    const many = targetOf({ ...wish, boards: new Set(['dev_1', 'dev_2']), firstBoot });
    expect(many.firstBoot).not.toHaveProperty('hostname');
    expect(problemsOf({ ...wish, firstBoot: { ...firstBoot, hostname: 'sign_17' } }, image)).toEqual([
      expect.stringContaining('First-boot settings: hostname'),
    ]);
  });

  it('wait for one of many only, and without files', () => {
    expect(waits({ ...wish, waitSeconds: 600 })).toBe(false);
    const any: Wish = { ...wish, who: 'any', boards: new Set(), waitSeconds: 600, files: [file] };
    expect(waits(any)).toBe(true);
    expect(problemsOf(any, image)).toEqual([expect.stringContaining('Files are for a board that is there')]);
    expect(problemsOf({ ...any, files: [] }, image)).toEqual([]);
  });

  it('are chosen from what boards have', () => {
    const devices: Pick<Device, 'site' | 'labels'>[] = [
      { site: 'cellar', labels: { role: 'sign', rack: 'a' } },
      { site: 'attic', labels: { rack: 'b' } },
    ];
    expect(choicesOf(devices)).toEqual({ sites: ['attic', 'cellar'], labels: ['rack', 'role'] });
  });
});
