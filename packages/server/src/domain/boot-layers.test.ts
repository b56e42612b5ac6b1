import type { BootDocument } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { compareGroups, fitsLabels, mergeLayers, plainSelector, type SpokenLayer } from './boot-layers.js';

const layer = (ref: string, document: BootDocument, inherits = true): SpokenLayer => ({
  ...{ ref, version: 1, inherits },
  document,
});
const file = (name: string) => ({ url: `http://images/${name}`, md5sum: 'd41d8cd98f00b204e9800998ecf8427e' });
const merged = (...layers: SpokenLayer[]) => mergeLayers(layers).document;

describe('layers of a boot config', () => {
  it('are merged where they are objects, and replaced where they are not', () => {
    const below = {
      bootcode: 'YQ==',
      config: { ssh: { pi: { authorized_keys: ['a', 'b'] } }, autoupdate: true, n: 1 },
    };
    const above = { config: { ssh: { pi: { authorized_keys: ['c'] } }, n: { deep: 2 } } };
    expect(merged(layer('default', below), layer('device:x', above))).toEqual({
      bootcode: 'YQ==',
      config: { ssh: { pi: { authorized_keys: ['c'] } }, autoupdate: true, n: { deep: 2 } },
    });
  });

  it('say nothing where they are empty, and remove with null', () => {
    const below = { bootcode: 'YQ==', usercode: 'Yg==', config: { a: { b: 1 }, c: 2, d: 3 } };
    const above = { bootcode: '', usercode: null, config: { a: {}, c: null, d: '', e: { f: null, g: 1 } } };
    expect(merged(layer('default', below), layer('device:x', above))).toEqual({
      bootcode: 'YQ==',
      config: { a: { b: 1 }, d: 3, e: { g: 1 } },
    });
    expect(merged(layer('default', { config: { list: [1] } }), layer('device:x', { config: { list: [] } }))).toEqual({
      config: { list: [] },
    });
  });

  it('do not count below one that does not inherit, which is taken as it stands', () => {
    const posted = { bootcode: '', config: { odd: null, empty: {} } };
    const all = [layer('default', { usercode: 'Yg==' }), layer('card:k:x', posted, false)];
    expect(mergeLayers(all)).toMatchObject({ document: posted, layers: [{ ref: 'card:k:x', version: 1 }] });
    expect(merged(...all, layer('device:y', { config: { more: 1 } }))).toEqual({
      bootcode: '',
      config: { odd: null, empty: {}, more: 1 },
    });
  });

  it('never mix the address of a file with the digest of another', () => {
    const below = { rootfs: { ...file('old'), sha256: 'a'.repeat(64) } };
    expect(merged(layer('default', below), layer('device:x', { rootfs: file('new') })).rootfs).toEqual(file('new'));
  });

  it('take an image instead of the files below, and a file instead of the one of the image', () => {
    const files = layer('default', { initfs: file('i'), rootfs: file('r') });
    expect(merged(files, layer('group:a=1', { image: 'sign:2' }))).toEqual({ image: 'sign:2' });
    const both = merged(files, layer('group:a=1', { image: 'sign:2' }), layer('device:x', { initfs: file('own') }));
    expect(both).toEqual({ image: 'sign:2', initfs: file('own') });
  });

  it('are told for each value', () => {
    const { values } = mergeLayers([
      layer('default', { bootcode: 'YQ==', config: { a: { b: 1, 'odd.name': 2 }, list: ['x'] } }),
      layer('device:x', { config: { a: { b: 3 } } }),
    ]);
    expect(values).toEqual([
      { path: 'bootcode', value: 'YQ==', layer: 'default' },
      { path: 'config.a.b', value: 3, layer: 'device:x' },
      { path: 'config.a["odd.name"]', value: 2, layer: 'default' },
      { path: 'config.list', value: ['x'], layer: 'default' },
    ]);
  });
});

describe('groups', () => {
  it('come by priority, then by the number of labels, then by name', () => {
    const groups = [
      { selector: 'b=1', priority: 100 },
      { selector: 'a=1,b=1', priority: 100 },
      { selector: 'a=1', priority: 100 },
      { selector: 'z=1', priority: 7 },
    ];
    expect(groups.sort(compareGroups).map(({ selector }) => selector)).toEqual(['z=1', 'a=1', 'b=1', 'a=1,b=1']);
  });

  it('are the same in whatever order their labels are written, and fit who has them all', () => {
    expect(plainSelector({ role: 'sign', rack: 'a' })).toBe('rack=a,role=sign');
    expect(fitsLabels({ rack: 'a' }, { rack: 'a', role: 'sign' })).toBe(true);
    expect(fitsLabels({ rack: 'a', floor: '1' }, { rack: 'a' })).toBe(false);
    expect(fitsLabels({ toString: '' }, {})).toBe(false);
  });
});
