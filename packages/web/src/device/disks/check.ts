import { DiskCheck, type Job } from '@drover/contract';

export const isCheck = ({ kind, state }: Pick<Job, 'kind' | 'state'>): boolean =>
  kind === 'disk.check' && state === 'succeeded';

export interface Damage {
  readonly file: string;
  readonly problem: string;
}

/** What a check of a disk found to be broken; undefined: the result tells nothing. */
export const damageIn = (result: unknown): readonly Damage[] | undefined => {
  const read = DiskCheck.safeParse(result);
  if (!read.success) return undefined;
  return read.data.files.flatMap(({ file, problem, report }) => {
    if (problem !== null) return [{ file, problem }];
    if (report === null || report.corruptions === 0) return [];
    return [{ file, problem: report.corruptions === 1 ? '1 error' : `${report.corruptions} errors` }];
  });
};
