import { expect, it } from 'vitest';
import { createCalls } from './calls.js';

it('ends when the last call has ended, whatever became of it, and takes none afterwards', async () => {
  const calls = createCalls('/disks/a');
  let finish: () => void = () => undefined;
  const slow = calls.run(() => new Promise<void>((_, reject) => (finish = () => reject(new Error('no')))));
  let isEnded = false;
  const ended = calls.end().then(() => (isEnded = true));
  await calls.run(() => Promise.resolve()).catch((error: unknown) => expect(error).toMatchObject({ code: 'EBADF' }));
  expect(isEnded).toBe(false);
  finish();
  await expect(slow).rejects.toThrow('no');
  await ended;
  await expect(calls.run(() => Promise.resolve(1))).rejects.toMatchObject({
    code: 'EBADF',
    message: '/disks/a is closed',
  });
  await expect(calls.end()).rejects.toMatchObject({ code: 'EBADF' });
});
