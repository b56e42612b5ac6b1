import { afterAll, beforeAll, expect, test } from 'vitest';
import { startVendorBoards, trouble, type VendorBoards } from './drover/vendor-boards.js';

let boards: VendorBoards;
beforeAll(async () => {
  boards = await startVendorBoards();
});
afterAll(() => boards?.stop());

test('the adverse vendor image comes up unmodified', async () => {
  expect(await boards.comesUp('ram', '10000000ad5e0001', 2)).not.toMatch(trouble);
});
