import { expect } from 'vitest';
import { ImageError, type ImageErrorCode } from '../../src/index.js';

/** Expects a refusal with this code, and returns it for a look at its text. */
export async function expectRefusal(run: () => Promise<unknown>, code: ImageErrorCode): Promise<ImageError> {
  let caught: unknown;
  try {
    await run();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(ImageError);
  const refusal = caught as ImageError;
  expect(refusal.code, refusal.message).toBe(code);
  expect(refusal.message).not.toBe('');
  return refusal;
}

/** Numbers written into a copy of an image. */
export function patched(image: Uint8Array, ...changes: [at: number, size: 1 | 2 | 4, value: number][]): Uint8Array {
  const copy = Uint8Array.from(image);
  const view = new DataView(copy.buffer);
  for (const [at, size, value] of changes) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return copy;
}

/** Where a run of ASCII or raw bytes stands in an image. Fails the test when it does not. */
export function placeOf(image: Uint8Array, text: string, from = 0): number {
  const at = Buffer.from(image.buffer, image.byteOffset, image.length).indexOf(text, from, 'latin1');
  expect(at, `place of ${text}`).toBeGreaterThanOrEqual(0);
  return at;
}
