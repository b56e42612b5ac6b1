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
  /** The key's owner, or auth.invalid. */
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
}

export interface Attempt {
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly needed: Role;
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
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false;
      readonly refused: Refusal;
      readonly principal: Principal | undefined;
      readonly audit: boolean;
    };

/** Decides who a request is from and whether its role suffices. */
export const authenticateRequest = async (
  { throttle, authenticate }: AuthenticationDeps,
  { headers, address, needed }: Attempt,
): Promise<Authenticated> => {
  const key = keyOf(headers);
  if (key === undefined) {
    return { ok: false, refused: missing(), principal: undefined, audit: throttle.failed(address, 'no-key') };
  }
  if (throttle.refuses(address, key)) return { ok: false, refused: throttled(), principal: undefined, audit: false };
  const found = await authenticate(key);
  if (!found.ok) {
    return { ok: false, refused: found, principal: undefined, audit: throttle.failed(address, 'wrong-key') };
  }
  throttle.succeeded(key);
  const principal = found.value;
  return roleAllows(principal.role, needed)
    ? { ok: true, principal }
    : { ok: false, refused: forbidden(principal, needed), principal, audit: true };
};
