import { expect, it } from 'vitest';
import { diskFailure } from './disk-errors.js';

it.each([
  ['ENOSPC', 'ENOSPC', false],
  ['EDQUOT', 'ENOSPC', false],
  ['EFBIG', 'ENOSPC', false],
  ['EROFS', 'EPERM', false],
  ['EACCES', 'EPERM', false],
  ['ENOTSUP', 'ENOTSUP', false],
  ['ESHUTDOWN', 'ESHUTDOWN', false],
  ['EIO', 'EIO', true],
  ['EBADF', 'EIO', true],
  ['toString', 'EIO', true],
])('an operation that failed with %s is told as %s', (code, error, fault) => {
  expect(diskFailure(Object.assign(new Error('no'), { code }))).toEqual({ error, fault });
});

it('anything else that is thrown is a fault', () => {
  for (const thrown of [new TypeError('bug'), 'text', undefined, { code: 'ENOSPC' }]) {
    expect(diskFailure(thrown)).toEqual({ error: 'EIO', fault: true });
  }
});
