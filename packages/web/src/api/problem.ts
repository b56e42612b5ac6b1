import { Problem, problemOf } from '@drover/contract';
import { DroverError } from '@drover/sdk';

/** The refusal in an answer that did not go through the SDK. */
export const errorOf = async (response: Response): Promise<DroverError> => {
  const read: unknown = await response.json().catch(() => undefined);
  const problem = Problem.safeParse(read);
  if (problem.success) return new DroverError(problem.data);
  const detail = `The answer was ${response.status} ${response.statusText} and not one of Drover's.`;
  return new DroverError(problemOf({ ok: false, code: 'server.fault', detail }));
};
