import { afterAll, beforeAll, expect, test } from 'vitest';
import { startVendorBoards, trouble, type VendorBoards } from './drover/vendor-boards.js';

let boards: VendorBoards;
beforeAll(async () => {
  boards = await startVendorBoards();
});
afterAll(() => boards?.stop());

test('the adverse vendor image comes up from a disk of its own, and from the image itself, at once', async () => {
  const [own, streamed] = await Promise.all([
    boards.comesUp('nbd', '10000000ad5e0002', 1),
    boards.comesUp('stream', '10000000ad5e0003', 1),
  ]);
  expect(streamed).not.toMatch(trouble);
  // A partition that fstab names and the image has not may yet come to a disk of its own: the system looks for that one a while, and goes on.
  const rest = own.split('\n').filter((line) => !line.includes('00000a7f-03'));
  expect(rest.join('\n')).not.toMatch(trouble);
});
