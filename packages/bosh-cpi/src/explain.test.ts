import { errorCodes, problemOf, refusal, type ErrorCode } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.js';
import { CpiFailure, failureTypes } from './failure.js';

const of = (code: ErrorCode): CpiFailure =>
  explain(
    new DroverError(
      problemOf(refusal(code, 'It is so.', { remedy: 'Do that.', errors: [{ field: 'a', message: 'is b' }] })),
    ),
  );

describe('what the server refuses with', () => {
  it.each([
    ['device.not-found', 'VMNotFound', false],
    ['device.none-available', 'VMCreationFailed', false],
    ['disk.not-found', 'DiskNotFound', false],
    ['disk.not-attached', 'DiskNotAttached', false],
    ['quota.exceeded', 'NoDiskSpace', false],
    ['storage.full', 'NoDiskSpace', false],
    ['server.busy', 'CloudError', true],
    ['auth.invalid', 'CloudError', false],
  ] as const)('%s is %s to a director', (code, type, okToRetry) => {
    expect(of(code)).toMatchObject({ type, okToRetry, message: 'It is so. a is b Do that.' });
  });
  it('is always a type that directors know', () => {
    for (const code of errorCodes) expect(failureTypes).toContain(of(code).type);
  });
});

describe('anything else', () => {
  it('is what it says, or a CloudError', () => {
    const failure = new CpiFailure('NotSupported', 'no');
    expect(explain(failure)).toBe(failure);
    expect(explain(new Error('oops'))).toMatchObject({ type: 'CloudError', message: 'oops' });
  });
});
