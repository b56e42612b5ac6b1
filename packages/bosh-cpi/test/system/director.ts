import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { argumentsOf, failureTypes, resultOf, resultOfVersion1, type ServerMethod } from '@drover/bosh-cpi';
import * as z from 'zod';

/** The executable, as `npm run build` makes it. */
export const executable = fileURLToPath(new URL('../../bin/drover-cpi', import.meta.url));

const Answer = z.strictObject({
  result: z.unknown(),
  error: z
    .strictObject({
      type: z.enum(failureTypes.map((type) => `Bosh::Clouds::${type}` as const)),
      message: z.string().min(1),
      ok_to_retry: z.boolean(),
    })
    .nullable(),
  log: z.string(),
});
export type Answer = z.infer<typeof Answer>;

export interface DirectorOptions {
  /** Of the server, or of what stands in front of it. */
  readonly url: string;
  readonly key: string;
  readonly uuid?: string;
  /** More of the CPI config. */
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface CallOptions {
  /** 2 unless told otherwise; null: the request says none, as of a director of version 1. */
  readonly apiVersion?: number | null;
  /** The same for a call that is repeated word for word. */
  readonly requestId?: string;
  /** Asked another server, or the same over something in between. */
  readonly url?: string;
  /** Handed what kills the process. */
  readonly onStart?: (kill: () => void) => void;
}

/** Plays a director against any server: makes requests of its shape, runs the CPI once for each, and holds request and answer to the contract. */
export interface Director {
  /** What the CPI answered. Throws when that is not as the contract has it. */
  readonly ask: (method: string, args: readonly unknown[], options?: CallOptions) => Promise<Answer>;
  /** The result; throws when there was an error. */
  readonly get: <T>(method: string, args: readonly unknown[], options?: CallOptions) => Promise<T>;
  /** The error's type without what is in front of it; throws when there was none. */
  readonly fail: (
    method: string,
    args: readonly unknown[],
    options?: CallOptions,
  ) => Promise<{ type: string; message: string; retry: boolean }>;
  /** A call whose process is killed, or not: undefined when it gave no answer. */
  readonly dare: (method: string, args: readonly unknown[], options: CallOptions) => Promise<Answer | undefined>;
}

/** Runs the executable with one request; gives what it wrote to standard output and to standard error. */
export const runCpi = async (
  request: unknown,
  options: { readonly args?: readonly string[]; readonly onStart?: ((kill: () => void) => void) | undefined } = {},
): Promise<{ readonly stdout: string; readonly stderr: string; readonly signal: NodeJS.Signals | null }> => {
  // A director gives a CPI a search path and little else.
  const child = spawn(executable, [...(options.args ?? [])], { env: { PATH: process.env['PATH'] }, stdio: 'pipe' });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  options.onStart?.(() => void child.kill('SIGKILL'));
  child.stdin.end(typeof request === 'string' ? request : JSON.stringify(request));
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), signal };
};

const isServerMethod = (method: string): method is ServerMethod => Object.hasOwn(argumentsOf, method);

const checked = (method: string, apiVersion: number | null, text: string): Answer => {
  const answer = Answer.parse(JSON.parse(text));
  if (answer.error !== null) {
    if (answer.result !== null) throw new Error(`${method}: a result beside an error`);
    return answer;
  }
  const results: Readonly<Record<string, z.ZodType>> = {
    ...resultOf,
    ...((apiVersion ?? 1) < 2 ? resultOfVersion1 : {}),
  };
  const schema = results[method];
  if (schema === undefined) throw new Error(`${method}: there is no such result`);
  schema.parse(answer.result);
  return answer;
};

export const createDirector = ({
  url,
  key,
  uuid = '2c1e6c5c-3d4b-4b43-a2ad-7f6a0e1fbb10',
  context = {},
}: DirectorOptions): Director => {
  let last = 100_000;
  const requestOf = (
    method: string,
    args: readonly unknown[],
    { apiVersion = 2, requestId, url: other }: CallOptions,
  ) => ({
    method,
    arguments: args,
    context: {
      director_uuid: uuid,
      request_id: requestId ?? `cpi-${(last += 1)}`,
      vm: { stemcell: { api_version: 2 } },
      drover: { url: other ?? url, key },
      ...context,
    },
    ...(apiVersion === null ? {} : { api_version: apiVersion }),
  });
  const dare: Director['dare'] = async (method, args, options) => {
    const request = requestOf(method, args, options);
    const { stdout, stderr, signal } = await runCpi(request, { onStart: options.onStart });
    if (signal !== null && stdout === '') return undefined;
    if (stderr.includes(key) || stdout.includes(key)) throw new Error(`${method}: the key is in what it says`);
    return checked(method, options.apiVersion === undefined ? 2 : options.apiVersion, stdout);
  };
  const ask: Director['ask'] = async (method, args, options = {}) => {
    const answer = await dare(method, args, options);
    if (answer === undefined) throw new Error(`${method}: no answer`);
    if (answer.error === null && isServerMethod(method)) argumentsOf[method]().parse(args);
    return answer;
  };
  return {
    dare,
    ask,
    get: async <T>(method: string, args: readonly unknown[], options?: CallOptions) => {
      const { result, error, log } = await ask(method, args, options);
      if (error !== null) throw new Error(`${method}: ${error.type} ${error.message}\n${log}`);
      return result as T;
    },
    fail: async (method, args, options) => {
      const { error, result } = await ask(method, args, options);
      if (error === null) throw new Error(`${method}: no error, but ${JSON.stringify(result)}`);
      return { type: error.type.replace('Bosh::Clouds::', ''), message: error.message, retry: error.ok_to_retry };
    },
  };
};
