import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressChanges, openEach } from './addresses.js';

const addresses = fc.array(fc.constantFrom<string>('10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.0.9', '127.0.0.1'));

describe('a changing set of addresses', () => {
  it('becomes what is wanted, and what stays is not touched', () => {
    fc.assert(
      fc.property(addresses, addresses, (served, wanted) => {
        const { open, close } = addressChanges(served, wanted);
        const after = new Set([...served.filter((each) => !close.includes(each)), ...open]);
        expect(after).toEqual(new Set(wanted));
        expect(open.filter((each) => served.includes(each) || close.includes(each))).toEqual([]);
        expect(new Set(open).size).toBe(open.length);
        expect(addressChanges(after, wanted)).toEqual({ open: [], close: [] });
      }),
    );
  });

  it('opens what can be opened', async () => {
    const opened: string[] = [];
    const refused = await openEach(['a', 'b', 'c'], async (address) => {
      if (address === 'b') throw new Error('taken');
      opened.push(address);
    });
    expect(opened).toEqual(['a', 'c']);
    expect(refused).toEqual([{ address: 'b', error: new Error('taken') }]);
  });
});
