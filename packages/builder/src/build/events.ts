/** What a build tells of itself while it runs. */
export type BuildEvent =
  /** A stage begins; `kept`: it was done before and is used again. */
  | {
      readonly kind: 'stage';
      readonly number: number;
      readonly of: number;
      readonly title: string;
      readonly kept: boolean;
    }
  | { readonly kind: 'stage-done'; readonly title: string; readonly seconds: number }
  /** What programs say, as it comes. */
  | { readonly kind: 'output'; readonly text: string };

export interface Stages {
  /** Tells of a stage that takes time. */
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
  kept(title: string): void;
  /** Stages that are still to come became more, or fewer. */
  expect(total: number): void;
}

/** Counts stages and their seconds. `now`: milliseconds. */
export function createStages(tell: (event: BuildEvent) => void, now: () => number): Stages {
  let number = 0;
  let of = 0;
  const begin = (title: string, kept: boolean): void => {
    number += 1;
    tell({ kind: 'stage', number, of: Math.max(of, number), title, kept });
  };
  return {
    run: async (title, work) => {
      begin(title, false);
      const began = now();
      const result = await work();
      tell({ kind: 'stage-done', title, seconds: (now() - began) / 1000 });
      return result;
    },
    kept: (title) => begin(title, true),
    expect: (total) => {
      of = total;
    },
  };
}
