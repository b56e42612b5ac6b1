import { describe, expect, it } from 'vitest';
import { fittedMemory } from './device-memory.js';

describe('the memory of a board', () => {
  it.each([
    ['a Pi Zero 2 W', 427_008, 512],
    ['a Pi 3B', 948_304, 1024],
    ['a Pi 4 of 4 GB', 3_885_396, 4096],
    ['a Pi 5 of 8 GB', 8_255_200, 8192],
    ['a Pi 5 of 16 GB', 16_608_704, 16_384],
    ['a machine of the lab', 735_000, 768],
    ['a machine of an odd size', 5_000_000, 6144],
    ['less than any is sold with', 100_000, 97],
    ['more than any has', 200 * 2 ** 20, 204_800],
    ['next to nothing', 1, 1],
  ])('of %s, whose kernel counts %i KiB, is %i MiB', (_, counted, memory) => {
    expect(fittedMemory(counted)).toBe(memory);
  });
});
