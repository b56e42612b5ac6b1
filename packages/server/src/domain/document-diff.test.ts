import { parsePath, pathText } from '@drover/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffDocuments } from './document-diff.js';

describe('differences of documents', () => {
  it('are told where they are deepest', () => {
    const before = { bootcode: 'YQ==', config: { keys: ['a', 'b'], gone: 1, kind: {} } };
    const after = { bootcode: 'Yg==', config: { keys: ['a', 'c', 'd'], fresh: { x: 1 }, kind: [] } };
    expect(diffDocuments(before, after)).toEqual([
      { change: '~', path: 'bootcode', before: 'YQ==', after: 'Yg==' },
      { change: '~', path: 'config.keys[1]', before: 'b', after: 'c' },
      { change: '+', path: 'config.keys[2]', after: 'd' },
      { change: '-', path: 'config.gone', before: 1 },
      { change: '~', path: 'config.kind', before: {}, after: [] },
      { change: '+', path: 'config.fresh', after: { x: 1 } },
    ]);
  });

  it('are none of a document and itself', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(diffDocuments(value, value)).toEqual([]);
      }),
    );
  });
});

it('paths are read as they are written', () => {
  const step = fc.oneof(fc.string(), fc.nat(999_999));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (path) => {
      expect(parsePath(pathText(path))).toEqual(path);
    }),
  );
  for (const odd of ['', '.a', 'a..b', 'a[', 'a[x]', 'a b']) expect(parsePath(odd)).toBeUndefined();
});
