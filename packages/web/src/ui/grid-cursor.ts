/** Where a key leads from a cell; undefined: it is no key to move with. */
export const cursorAfter = (
  key: string,
  at: number,
  { count, columns, page }: { count: number; columns: number; page: number },
): number | undefined => {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: columns,
    ArrowUp: -columns,
    ArrowRight: columns > 1 ? 1 : 0,
    ArrowLeft: columns > 1 ? -1 : 0,
    PageDown: columns * page,
    PageUp: -columns * page,
    Home: -count,
    End: count,
  };
  const step = steps[key];
  if (step === undefined || step === 0) return undefined;
  const to = at + step;
  if (Math.abs(step) === columns && columns > 1 && (to < 0 || to >= count)) return at;
  return Math.min(Math.max(to, 0), Math.max(count - 1, 0));
};
