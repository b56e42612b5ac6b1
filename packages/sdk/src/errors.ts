import { errorTable, problemOf, Problem, type ErrorCode, type FieldError } from '@drover/contract';

/** Whatever an operation refuses with, and what kept it from being asked. `problem` is RFC 9457 with Drover's stable `code`. */
export class DroverError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.name = 'DroverError';
    this.problem = problem;
  }
  get code(): ErrorCode {
    return this.problem.code;
  }
  get status(): number {
    return this.problem.status;
  }
  get remedy(): string | undefined {
    return this.problem.remedy;
  }
  get errors(): readonly FieldError[] {
    return this.problem.errors ?? [];
  }
  /** What a command line ends with. */
  get exitCode(): number {
    return errorTable[this.problem.code].exit;
  }
}

export const unreachable = (baseUrl: string, cause: unknown): DroverError => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = (inner as { code?: unknown } | null)?.code;
  const reason = typeof code === 'string' ? code : inner instanceof Error ? inner.message : 'no answer';
  return new DroverError(
    problemOf({
      ok: false,
      code: 'server.unreachable',
      detail: `${baseUrl === '' ? 'The server' : baseUrl} cannot be reached (${reason}).`,
      remedy: 'Check the address, and that the server runs there.',
    }),
    { cause },
  );
};

/** The problem in an answer; one made from the status where a proxy answered instead of Drover. */
export const errorOf = async (response: Response): Promise<DroverError> => {
  const text = await response.text().catch(() => '');
  const parsed = Problem.safeParse(jsonOf(text));
  if (parsed.success) return new DroverError(parsed.data);
  const away = response.status >= 502 && response.status <= 504;
  return new DroverError({
    ...problemOf({
      ok: false,
      code: away ? 'server.unreachable' : 'server.fault',
      detail: `The answer was ${response.status} ${response.statusText} and not one of Drover's.`,
      remedy: 'Check that the address is that of a Drover server and what stands between.',
    }),
    status: response.status,
  });
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
