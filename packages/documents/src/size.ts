const units: Record<string, number> = { '': 1, B: 1 };
['K', 'M', 'G', 'T'].forEach((unit, index) => {
  units[unit] = units[`${unit}iB`] = 1024 ** (index + 1);
  units[`${unit}B`] = 1000 ** (index + 1);
});

/** Bytes of `500MB` (powers of 1000), `8GiB` or `8G` (powers of 1024) or a plain number of bytes. */
export const parseSize = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)$/.exec(text.trim());
  const factor = match === null ? undefined : units[match[2] ?? ''];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
};
