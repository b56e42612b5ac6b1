import { createClient, DroverError } from '@drover/sdk';
import { Principal, problemOf } from '@drover/contract';
import { errorOf } from './problem.js';

/** The API of the server that sent this page, with the session cookie as the way in. */
export const client = createClient({ baseUrl: '', cookie: true, attempts: 4 });

const sessionPath = '/ui/session';
const own = { 'x-drover-ui': '1', 'content-type': 'application/json' };

const ask = async (init: RequestInit): Promise<Response> => {
  let response: Response;
  try {
    response = await fetch(sessionPath, { ...init, headers: own });
  } catch (cause) {
    const detail = 'The server cannot be reached.';
    const remedy = 'Check that it runs, and try again.';
    throw new DroverError(problemOf({ ok: false, code: 'server.unreachable', detail, remedy }), { cause });
  }
  if (!response.ok) throw await errorOf(response);
  return response;
};

/** Lets this browser in for twelve hours at most. Throws DroverError. */
export const logIn = async (key: string): Promise<Principal> => {
  const response = await ask({ method: 'POST', body: JSON.stringify({ key }) });
  const { principal } = (await response.json()) as { principal: unknown };
  return Principal.parse(principal);
};

/** Whoever this browser is logged in as; null: nobody. Throws DroverError. */
export const whoIsIn = async (signal: AbortSignal): Promise<Principal | null> => {
  const response = await ask({ method: 'GET', signal });
  const { principal } = (await response.json()) as { principal: unknown };
  return Principal.nullable().parse(principal);
};

export const logOut = async (): Promise<void> => {
  await ask({ method: 'DELETE' });
};

/** Whether a refusal means that nobody is logged in any more. */
export const isLoggedOut = (error: unknown): boolean =>
  error instanceof DroverError && (error.code === 'auth.missing' || error.code === 'auth.invalid');
