import fc from 'fast-check';

/** Text of any characters up to U+02FF, where text read as one character per byte ends; quicker to make than all of Unicode. */
export const anyText = (maxLength = 60): fc.Arbitrary<string> =>
  fc.array(fc.nat(0x2ff), { maxLength }).map((codes) => String.fromCharCode(...codes));
