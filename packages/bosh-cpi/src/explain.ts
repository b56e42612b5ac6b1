import { cpiErrorOf, isPassing } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { CpiFailure, type FailureType } from './failure.js';

/** What the server, or whatever else went wrong, means to a director. */
export const explain = (error: unknown): CpiFailure => {
  if (error instanceof CpiFailure) return error;
  if (!(error instanceof DroverError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new CpiFailure('CloudError', message, { cause: error });
  }
  const { problem } = error;
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field} ${message}`);
  const said = [problem.detail, ...fields, problem.remedy].filter((text) => text !== undefined && text !== '');
  const type: FailureType = cpiErrorOf(problem.code);
  return new CpiFailure(type, said.join(' '), { cause: error, okToRetry: isPassing(problem.code) });
};

/** Whether the server refused with one of these codes. */
export const isRefusal = (error: unknown, ...codes: readonly DroverError['code'][]): error is DroverError =>
  error instanceof DroverError && codes.includes(error.code);
