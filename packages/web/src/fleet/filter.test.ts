import type { Device } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import {
  compileFilter,
  countStates,
  filterOf,
  imagesOf,
  noFilter,
  readFleetSearch,
  searchOf,
  selectorError,
  sortFleet,
} from './filter.js';

const base: Device = {
  id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  ...{
    tenant: null,
    site: 'default',
    name: 'pi-1',
    state: 'available',
    stateReason: null,
    model: 'pi4',
    modelName: null,
  },
  ...{
    firmware: 'ee',
    mac: 'dc:a6:32:01:02:03',
    serial: null,
    bootPrefix: null,
    memoryMiB: null,
    power: null,
    console: null,
    identities: [],
  },
  ...{
    labels: { rack: 'a' },
    assignment: null,
    lastAddress: '10.0.0.7',
    lastSeenAt: null,
    lastSession: null,
    upGeneration: null,
  },
  health: {
    ...{ status: 'unknown', checks: [], reportedAt: null, uptimeSeconds: null, image: null, root: null },
    ...{ offline: null, fellBack: false },
  },
  ...{ createdAt: '2026-11-22T12:00:00.000Z', updatedAt: '2026-11-22T12:00:00.000Z', etag: '"1"' },
};
const a = (change: Partial<Device>): Device => ({ ...base, ...change });
const given = a({
  name: 'sign-2',
  state: 'in-use',
  labels: { rack: 'b', role: 'sign' },
  assignment: {
    ...{
      image: 'img_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
      imageName: 'raspios:2026',
      rootMode: 'ram',
      disk: null,
      kernelParameters: '',
    },
    ...{ generation: 1, assignedAt: '2026-11-22T12:00:00.000Z', leaseUntil: null },
  },
});
const fleet = [base, given];
const shown = (change: Partial<typeof noFilter>): string[] =>
  fleet.filter(compileFilter({ ...noFilter, ...change })).map(({ name }) => name);

describe('a filter', () => {
  it.each([
    ['everything', {}, ['pi-1', 'sign-2']],
    ['a name', { text: 'SIGN' }, ['sign-2']],
    ['all words, wherever they are', { text: '10.0.0 rack=b' }, ['sign-2']],
    ['an image by its name', { text: 'raspios' }, ['sign-2']],
    ['words that one board has not', { text: 'sign pi-1' }, []],
    ['a state', { state: 'available' as const }, ['pi-1']],
    ['a model', { model: 'pi5' as const }, []],
    ['an image', { image: 'raspios:2026' }, ['sign-2']],
    ['no image', { image: '-' }, ['pi-1']],
    ['health', { health: 'failing' as const }, []],
    ['labels', { labels: 'rack=b,role=sign' }, ['sign-2']],
    ['labels that differ', { labels: 'rack=a,role=sign' }, []],
    ['labels that are still being typed', { labels: 'rack' }, ['pi-1', 'sign-2']],
  ])('for %s', (_what, change, names) => {
    expect(shown(change)).toEqual(names);
  });

  it('sees what changed of a board', () => {
    const test = compileFilter({ ...noFilter, text: 'newname' });
    expect([test(base), test({ ...base, name: 'newname' })]).toEqual([false, true]);
  });

  it('says what is wrong with labels', () => {
    expect([selectorError(''), selectorError('rack=a'), selectorError('rack')]).toEqual([
      undefined,
      undefined,
      'Write it like rack=a,role=sign',
    ]);
  });
});

describe('the address', () => {
  it('holds what is set, and gives it back', () => {
    const filter = { ...noFilter, text: 'x', model: 'pi4' as const, labels: 'rack=a' };
    expect(searchOf(filter, 'grid')).toEqual({ q: 'x', model: 'pi4', labels: 'rack=a', view: 'grid' });
    expect(filterOf(readFleetSearch({ ...searchOf(filter, 'grid') }))).toEqual(filter);
    expect(searchOf(noFilter, 'table')).toEqual({});
  });

  it('may be anything that somebody wrote', () => {
    const odd = { q: 7, state: 'on-fire', model: ['pi4'], health: {}, view: 'cube', image: '', labels: null, more: 1 };
    expect(readFleetSearch(odd)).toEqual({ q: '7' });
  });
});

it('counts, sorts and names what is there', () => {
  expect(countStates(fleet)).toMatchObject({ available: 1, 'in-use': 1, failed: 0 });
  expect(imagesOf(fleet)).toEqual(['raspios:2026']);
  const names = ['pi-10', 'pi-2', 'a'].map((name) => a({ name }));
  expect(sortFleet(names).map(({ name }) => name)).toEqual(['a', 'pi-2', 'pi-10']);
});
