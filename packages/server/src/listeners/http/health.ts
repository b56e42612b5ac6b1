import type { FastifyInstance } from 'fastify';

/** One thing the server needs to do its work. `detail` says what is wrong and what to do. */
export interface Check {
  readonly name: string;
  check(): Promise<{ readonly ok: boolean; readonly detail: string }>;
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface HealthDeps {
  readonly checks: readonly Check[];
  readonly stopping: AbortSignal;
  /** Longest a check may take, in ms. */
  readonly timeoutMs?: number;
}

const limited = async (check: Check, timeoutMs: number): Promise<{ ok: boolean; detail: string }> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ ok: boolean; detail: string }>((resolve) => {
    timer = setTimeout(() => {
      resolve({ ok: false, detail: `no answer within ${timeoutMs} ms` });
    }, timeoutMs);
  });
  try {
    return await Promise.race([check.check(), late]);
  } catch {
    return { ok: false, detail: 'does not answer; the log says more' };
  } finally {
    clearTimeout(timer);
  }
};

/** How each check ended; one that takes longer than `timeoutMs` is not well. */
export const runChecks = (checks: readonly Check[], timeoutMs = 2000): Promise<CheckResult[]> =>
  Promise.all(checks.map(async (check) => ({ name: check.name, ...(await limited(check, timeoutMs)) })));

/**
 * `/healthz`: 200 while the process lives. `/readyz`: 200 when every check is well, else 503 with the checks that are not.
 * Neither needs a key: they tell nothing but that.
 */
export const registerHealth = (app: FastifyInstance, { checks, stopping, timeoutMs }: HealthDeps): void => {
  app.get('/healthz', async (_request, reply) =>
    reply.type('text/plain').header('cache-control', 'no-store').send('ok\n'),
  );
  app.get('/readyz', async (_request, reply) => {
    const results = await runChecks(checks, timeoutMs);
    const ready = !stopping.aborted && results.every((result) => result.ok);
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ ready, stopping: stopping.aborted, checks: results });
  });
};
