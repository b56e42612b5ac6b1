import { afterAll, beforeAll, expect, test } from 'vitest';
import { startVendorBoards, trouble, type VendorBoards } from './drover/vendor-boards.js';

let boards: VendorBoards;
beforeAll(async () => {
  boards = await startVendorBoards();
});
afterAll(() => boards?.stop());

test('the adverse vendor image comes up from a directory of its own', async () => {
  expect(await boards.comesUp('nfs', '10000000ad5e0004', 2)).not.toMatch(trouble);
});
