import { expect, it } from 'vitest';
import { kernelMisfit } from './card-kernel.js';

const kernel = (release: string | null, modules = true) => ({
  file: 'kernel8.img',
  architecture: 'arm64' as const,
  release,
  modules,
});
const facts = { kernels: [kernel('6.1.0-9'), kernel('6.6.31+rpt')] };

it('is none where the image has modules for the kernel, or its kernels need none', () => {
  expect(kernelMisfit(facts, 'ram', { release: '6.6.31+rpt' })).toBeUndefined();
  expect(kernelMisfit({ kernels: [kernel('6.1', false), kernel(null)] }, 'ram', { release: '5.10' })).toBeUndefined();
  expect(kernelMisfit(null, 'ram', { release: '5.10' })).toBeUndefined();
});

it('names the kernel that runs and those the image knows', () => {
  const reason = 'the kernel on its card is 5.10, and the image has modules for 6.1.0-9, 6.6.31+rpt only';
  expect(kernelMisfit(facts, 'ram', { release: '5.10' })).toBe(reason);
  expect(kernelMisfit(facts, 'stream', { release: '5.10' })).toBe(reason);
});

it('is not judged for a disk that is the board’s own', () => {
  expect(kernelMisfit(facts, 'nbd', { release: '5.10' })).toBeUndefined();
});

it('is not judged for a card that gets its kernel from the image, as long as it can', () => {
  expect(kernelMisfit(facts, 'sd', { release: '5.10', boot: '0'.repeat(64) })).toBeUndefined();
  expect(kernelMisfit(facts, 'sd', { release: '5.10' })).toContain('the kernel on its card is 5.10');
});
