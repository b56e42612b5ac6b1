import { KeyId, routes, type OperationId, type Principal, type Route } from '@drover/contract';
import { expect, it } from 'vitest';
import { demoPrincipal, isDemo, refuseDemo } from './demo.js';

const demo = demoPrincipal('ten_01JZ5M8K7Q2W3E4R5T6Y7V8B9N');
const other: Principal = { ...demo, key: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' };
const operations = Object.entries(routes) as [OperationId, Route][];

it('has an id like other keys, and is told from them', () => {
  expect(KeyId.safeParse(demo.key).success).toBe(true);
  expect([isDemo(demo), isDemo(other)]).toEqual([true, false]);
});

it('writes nothing, whatever the operation', () => {
  for (const [id, { method }] of operations.filter(([, route]) => route.method !== 'GET'))
    expect([method, id, refuseDemo(demo, id)]).toEqual([
      method,
      id,
      expect.objectContaining({ code: 'auth.forbidden' }),
    ]);
});

it('reads nothing but images', () => {
  const allowed = operations.map(([id]) => id).filter((id) => refuseDemo(demo, id) === undefined);
  expect(allowed.filter((id) => !id.includes('Image'))).toEqual(['whoAmI']);
  for (const [id] of operations) expect(refuseDemo(other, id)).toBeUndefined();
});
