/** MiB that boards are sold with, and machines of a lab are given. */
const sizes = [256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12_288, 16_384, 32_768, 65_536];

/** Memory of a board in MiB, by what its kernel counts (MemTotal, in KiB): that lacks what the GPU and the kernel itself take, a quarter at most. */
export function fittedMemory(memoryKiB: number): number {
  const counted = Math.max(1, Math.floor(memoryKiB / 1024));
  const size = sizes.find((each) => each >= counted);
  return size !== undefined && counted >= size * 0.75 ? size : counted;
}
