/** One moment: seconds since 1970, and a number for each series; null: it could not be told. */
export interface Sample<S extends string> {
  readonly at: number;
  readonly values: Readonly<Record<S, number | null>>;
}

export interface SampleRing<S extends string> {
  /** The oldest one goes when there is no room left. Samples that are not after the last one are left out: the clock was set back. */
  push(sample: Sample<S>): void;
  /** What was taken after `at`, oldest first, in columns. */
  after(at: number): { readonly at: number[]; readonly series: Record<S, (number | null)[]> };
}

/** The last `capacity` samples. Kept by column in arrays of a fixed size: an hour of them takes as much memory at its end as at its beginning. */
export const createSampleRing = <S extends string>(names: readonly S[], capacity: number): SampleRing<S> => {
  const times = new Float64Array(capacity);
  const columns = new Map(names.map((name) => [name, new Float64Array(capacity)]));
  let count = 0;
  let next = 0;
  const placeOf = (index: number): number => (next - count + index + capacity) % capacity;
  return {
    push: ({ at, values }) => {
      if (count > 0 && at <= (times[placeOf(count - 1)] ?? 0)) return;
      times[next] = at;
      // NaN stands for what could not be told.
      for (const [name, column] of columns) column[next] = values[name] ?? Number.NaN;
      next = (next + 1) % capacity;
      count = Math.min(count + 1, capacity);
    },
    after: (at) => {
      const places = Array.from({ length: count }, (_, index) => placeOf(index)).filter(
        (place) => (times[place] ?? 0) > at,
      );
      const read = (column: Float64Array | undefined): (number | null)[] =>
        places.map((place) => {
          const value = column?.[place] ?? Number.NaN;
          return Number.isNaN(value) ? null : value;
        });
      return {
        at: places.map((place) => times[place] ?? 0),
        series: Object.fromEntries(names.map((name) => [name, read(columns.get(name))])) as Record<
          S,
          (number | null)[]
        >,
      };
    },
  };
};
