import { refusal, roles, type Principal, type Refusal, type Result, type Role } from '@drover/contract';
import type { IncomingHttpHeaders } from 'node:http';
import type { Throttle } from './throttle.js';

/** `Authorization: Bearer <key>` or `X-Api-Key: <key>`; never a query parameter, which ends up in histories: see published.ts for the one exception. */
export const keyOf = (headers: IncomingHttpHeaders): string | undefined => {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const other = headers['x-api-key'];
  return bearer ?? (typeof other === 'string' && other !== '' ? other : undefined);
};

/** True when a key of role `has` may do what asks for `needed`: admin, operator, reader, device, from most to least. */
export const roleAllows = (has: Role, needed: Role): boolean => roles.indexOf(has) <= roles.indexOf(needed);

export interface AuthenticationDeps {
  readonly throttle: Throttle;
  /** Who holds this token of a session of the dashboard, or auth.invalid; undefined: there is no dashboard. */
  readonly authenticateSession?: ((token: string) => Promise<Result<Principal>>) | undefined;
  /** The key's owner, or auth.invalid. */
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
}

export interface Attempt {
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly needed: Role;
  /** Token of the session cookie, where that counts. A request that brings a key does not use it. */
  readonly session?: string | undefined;
}

const missing = (): Refusal =>
  refusal('auth.missing', 'This request came without an API key.', {
    remedy: 'Send `Authorization: Bearer <key>`; `drover login` stores a key for the command line.',
  });

const throttled = (): Refusal =>
  refusal('auth.throttled', 'Too many requests with a wrong key came from this address.', {
    remedy: 'Wait a few seconds, and check the key.',
  });

const forbidden = (principal: Principal, needed: Role): Refusal =>
  refusal('auth.forbidden', `The key ${principal.name} has role ${principal.role}; this needs ${needed}.`, {
    remedy: `Use a key with role ${needed}.`,
  });

/** A refusal with who was refused, where that is known, and whether it is worth a row in the audit trail. */
export type Authenticated =
  | {
      readonly ok: true;
      readonly principal: Principal;
      readonly by: 'key' | 'session';
      /** Asks again, for answers that last. */
      readonly isStillAllowed: () => Promise<boolean>;
    }
  | {
      readonly ok: false;
      readonly refused: Refusal;
      readonly principal: Principal | undefined;
      readonly audit: boolean;
      /** The browser may forget its cookie. */
      readonly sessionOver?: boolean;
    };

/** What a request proves itself with, who may know it, and what counts it when it is wrong. */
const credentialOf = ({ authenticate, authenticateSession }: AuthenticationDeps, { headers, session }: Attempt) => {
  const key = keyOf(headers);
  if (key !== undefined) return { text: key, ask: authenticate, kind: 'wrong-key' } as const;
  const hasKey = headers.authorization !== undefined || headers['x-api-key'] !== undefined;
  if (hasKey || session === undefined || authenticateSession === undefined) return undefined;
  return { text: session, ask: authenticateSession, kind: 'wrong-session' } as const;
};

/** Decides who a request is from and whether its role suffices. */
export const authenticateRequest = async (deps: AuthenticationDeps, attempt: Attempt): Promise<Authenticated> => {
  const { throttle } = deps;
  const { address, needed } = attempt;
  const credential = credentialOf(deps, attempt);
  if (credential === undefined) {
    return { ok: false, refused: missing(), principal: undefined, audit: throttle.failed(address, 'no-key') };
  }
  const { text, ask, kind } = credential;
  if (throttle.refuses(address, text, kind)) {
    return { ok: false, refused: throttled(), principal: undefined, audit: false };
  }
  const found = await ask(text);
  if (!found.ok) {
    const sessionOver = kind === 'wrong-session';
    return { ok: false, refused: found, principal: undefined, audit: throttle.failed(address, kind), sessionOver };
  }
  throttle.succeeded(text);
  const principal = found.value;
  return roleAllows(principal.role, needed)
    ? {
        ok: true,
        principal,
        by: kind === 'wrong-key' ? 'key' : 'session',
        isStillAllowed: async () => (await ask(text)).ok,
      }
    : { ok: false, refused: forbidden(principal, needed), principal, audit: true };
};
